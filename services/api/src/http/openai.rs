//! The side door for programs that speak to OpenAI: models, text and pictures below `/v1`, and without the prefix, too.
//!
//! These routes stand in docs/clients.md and not in the API document: their shapes are somebody else's.

mod answer;
mod asked;
mod chat;
mod completions;
mod edits;
mod embeddings;
pub(crate) mod errors;
mod generations;
mod models;
mod reading;
mod responses;
mod stream;
mod telling;
mod variations;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

pub(crate) use responses::kept;

use super::Api;

/// Clients are configured with an address that ends in `/v1`, or with one that does not.
const PREFIXES: [&str; 2] = ["/v1", ""];

/// Returns the routes.
pub(crate) fn routes() -> Router<Arc<Api>> {
    PREFIXES.iter().fold(Router::new(), |router, prefix| {
        router
            .route(&format!("{prefix}/models"), get(models::list))
            .route(&format!("{prefix}/models/{{*id}}"), get(models::load))
            .route(&format!("{prefix}/chat/completions"), post(chat::complete))
            .route(&format!("{prefix}/completions"), post(completions::complete))
            .route(&format!("{prefix}/embeddings"), post(embeddings::embed))
            .route(&format!("{prefix}/responses"), post(responses::respond))
            .route(&format!("{prefix}/images/generations"), post(generations::generate))
            .route(&format!("{prefix}/images/edits"), post(edits::edit))
            .route(&format!("{prefix}/images/variations"), post(variations::vary))
    })
}

/// Returns whether a path belongs to this door.
pub(crate) fn is_below(path: &str) -> bool {
    const WHOLE: [&str; 6] = ["/v1", "/models", "/chat/completions", "/completions", "/embeddings", "/responses"];
    WHOLE.contains(&path) || ["/v1/", "/models/", "/images/"].iter().any(|start| path.starts_with(start))
}
