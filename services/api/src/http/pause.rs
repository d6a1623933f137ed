//! The queue as a whole: how much waits, and whether workers get anything new.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use contract::{control::ChooseQueue, page::Page, spec::WorkerKind, system::QueueDepth};

use super::{Api, body::read_optional_json, jobs::whole, problem::Error};

/// Lists the queues, one for each kind of worker: how much waits and runs, and whether it is paused.
#[utoipa::path(get, path = "/api/queue", tag = "operation",
    responses((status = 200, description = "All of them.", body = Page<QueueDepth>)))]
pub(crate) async fn list_queues(State(api): State<Arc<Api>>) -> Result<Json<Page<QueueDepth>>, Error> {
    Ok(Json(whole(api.db.queue_depths(api.clock.now()).await?)))
}

/// Pauses the queue: workers get nothing new, what runs goes on.
///
/// Jobs are accepted, moved and cancelled all the same. It lasts until somebody resumes the queue, through restarts too.
#[utoipa::path(post, path = "/api/queue/pause", tag = "operation",
    request_body = ChooseQueue,
    responses((status = 200, description = "The queues as they are now.", body = Page<QueueDepth>)))]
pub(crate) async fn pause_queue(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Page<QueueDepth>>, Error> {
    api.dispatch.pause(&chosen(&api, &headers, body).await?).await?;
    list_queues(State(api)).await
}

/// Resumes the queue: workers get jobs again, in the order in which they wait.
#[utoipa::path(post, path = "/api/queue/resume", tag = "operation",
    request_body = ChooseQueue,
    responses((status = 200, description = "The queues as they are now.", body = Page<QueueDepth>)))]
pub(crate) async fn resume_queue(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Page<QueueDepth>>, Error> {
    api.dispatch.resume(&chosen(&api, &headers, body).await?).await?;
    list_queues(State(api)).await
}

async fn chosen(api: &Api, headers: &HeaderMap, body: Body) -> Result<Vec<WorkerKind>, Error> {
    let body = read_optional_json(headers, body, api.config.max_body_bytes).await?;
    let chosen: ChooseQueue = api.schemas.read("ChooseQueue", &body)?;
    Ok(chosen.worker_kind.map_or_else(|| WorkerKind::ALL.to_vec(), |kind| vec![kind]))
}
