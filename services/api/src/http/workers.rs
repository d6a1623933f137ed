//! The workers that are alive.

use std::sync::Arc;

use axum::{Json, extract::State};
use contract::{page::Page, worker::Worker};

use super::{Api, jobs::whole, problem::Error};

/// Lists the workers that are alive, by name.
#[utoipa::path(get, path = "/api/workers", tag = "operation",
    responses((status = 200, description = "All of them.", body = Page<Worker>)))]
pub(crate) async fn list_workers(State(api): State<Arc<Api>>) -> Result<Json<Page<Worker>>, Error> {
    Ok(Json(whole(api.queue.workers().await?)))
}
