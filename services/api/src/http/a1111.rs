//! The side door for programs that speak to the web UI of AUTOMATIC1111, below `/sdapi/v1`.
//!
//! These routes stand in docs/clients.md and not in the API document: their shapes are somebody else's.

mod answer;
pub(crate) mod errors;
mod extras;
mod files;
mod image_to_image;
mod lists;
mod options;
mod painting;
mod progress;
mod text_to_image;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use super::Api;

const PREFIX: &str = "/sdapi/v1";

/// Returns the routes.
pub(crate) fn routes() -> Router<Arc<Api>> {
    let lists = Router::new()
        .route("/samplers", get(lists::samplers))
        .route("/schedulers", get(lists::schedulers))
        .route("/upscalers", get(lists::upscalers))
        .route("/latent-upscale-modes", get(lists::latent_upscale_modes))
        .route("/sd-models", get(lists::models))
        .route("/sd-vae", get(lists::nothing))
        .route("/loras", get(lists::loras))
        .route("/embeddings", get(lists::embeddings))
        .route("/scripts", get(lists::scripts))
        .route("/prompt-styles", get(lists::nothing))
        .route("/cmd-flags", get(lists::cmd_flags))
        .route("/memory", get(lists::memory));
    let work = Router::new()
        .route("/txt2img", post(text_to_image::paint))
        .route("/img2img", post(image_to_image::paint))
        .route("/extra-single-image", post(extras::enlarge_one))
        .route("/extra-batch-images", post(extras::enlarge_many))
        .route("/png-info", post(files::png_info))
        .route("/interrogate", post(files::interrogate))
        .route("/progress", get(progress::show))
        .route("/interrupt", post(progress::interrupt))
        .route("/skip", post(progress::interrupt))
        .route("/options", get(options::show).post(options::change))
        // Folders are read whenever somebody asks, and the worker decides what stays in memory.
        .route("/refresh-checkpoints", post(lists::done))
        .route("/unload-checkpoint", post(lists::done))
        .route("/reload-checkpoint", post(lists::done));
    Router::new().nest(PREFIX, lists.merge(work))
}

/// Returns whether a path belongs to this door.
pub(crate) fn is_below(path: &str) -> bool {
    path.starts_with("/sdapi/")
}
