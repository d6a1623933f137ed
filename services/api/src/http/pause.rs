//! Pause and resume, of the queue as a whole or of one job; and how much waits.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use contract::{
    JobId, control::ChooseQueue, job::Job, page::Page, problem::Problem, spec::WorkerKind, system::QueueDepth,
};

use super::{
    Api,
    body::read_optional_json,
    id::Id,
    jobs::{no_job, whole},
    problem::Error,
    waiting::fill_in_waiting,
};
use crate::db::PauseRequest;

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

/// Pauses a waiting job: no worker gets it until somebody resumes it.
///
/// It stays `queued`, with `paused`, and can be moved and cancelled all the same. Once more changes nothing.
#[utoipa::path(post, path = "/api/jobs/{id}/pause", tag = "jobs",
    params(("id" = JobId, Path, description = "Which job.")),
    responses(
        (status = 200, description = "The job, which is paused.", body = Job),
        (status = 409, description = "It does not wait any more.", content_type = "application/problem+json", body = Problem),
    ))]
pub(crate) async fn pause_job(State(api): State<Arc<Api>>, Id(id): Id<JobId>) -> Result<Json<Job>, Error> {
    let request = api.dispatch.pause_job(id).await?;
    waiting(&api, id, request).await
}

/// Resumes a paused job: it waits for a worker again, where it stands in line.
#[utoipa::path(post, path = "/api/jobs/{id}/resume", tag = "jobs",
    params(("id" = JobId, Path, description = "Which job.")),
    responses(
        (status = 200, description = "The job, which waits for a worker.", body = Job),
        (status = 409, description = "It does not wait any more.", content_type = "application/problem+json", body = Problem),
    ))]
pub(crate) async fn resume_job(State(api): State<Arc<Api>>, Id(id): Id<JobId>) -> Result<Json<Job>, Error> {
    let request = api.dispatch.resume_job(id).await?;
    waiting(&api, id, request).await
}

async fn waiting(api: &Api, id: JobId, request: PauseRequest) -> Result<Json<Job>, Error> {
    match request {
        PauseRequest::Absent => Err(no_job(id)),
        PauseRequest::NotWaiting(job) => {
            let state = job.state.as_str();
            Err(Error::conflict(format!("only waiting jobs can be paused and resumed; this one is {state}")))
        }
        PauseRequest::Done(mut job) => {
            fill_in_waiting(api, &mut job).await?;
            Ok(Json(job))
        }
    }
}

async fn chosen(api: &Api, headers: &HeaderMap, body: Body) -> Result<Vec<WorkerKind>, Error> {
    let body = read_optional_json(headers, body, api.config.max_body_bytes).await?;
    let chosen: ChooseQueue = api.schemas.read("ChooseQueue", &body)?;
    Ok(chosen.worker_kind.map_or_else(|| WorkerKind::ALL.to_vec(), |kind| vec![kind]))
}
