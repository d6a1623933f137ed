//! Many ended jobs at once: `POST /api/jobs/clear` and `POST /api/jobs/retry`.

use std::{sync::Arc, time::Duration};

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use contract::{
    control::{ChangedJobs, ClearJobs, RetryJobs},
    job::JobState,
    problem::{Problem, ProblemCode},
};
use time::OffsetDateTime;

use super::{
    Api,
    body::{read_json, read_optional_json},
    problem::Error,
};
use crate::{db::EndedFilter, dispatch::Trouble};

/// Deletes the records of jobs that have ended, with their attempts.
///
/// The files that they made stay, and show no job from then on.
/// A request works for some seconds; if `has_more` is true, ask again.
#[utoipa::path(post, path = "/api/jobs/clear", tag = "jobs",
    request_body = ClearJobs,
    responses((status = 200, description = "How many were deleted.", body = ChangedJobs)))]
pub(crate) async fn clear_jobs(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ChangedJobs>, Error> {
    let body = read_json(&headers, body, api.config.max_body_bytes).await?;
    let ClearJobs { state, kind, before } = api.schemas.read("ClearJobs", &body)?;
    let states = state.into_iter().map(JobState::from).collect();
    let filter = EndedFilter { states, kinds: kind, before: until(&api, before) };
    Ok(Json(api.dispatch.clear_jobs(&filter).await?))
}

/// Gives jobs that failed or died another try; cancelled ones too, if `state` says so.
///
/// At most as many as the queue has room for; if `has_more` is true, ask again.
#[utoipa::path(post, path = "/api/jobs/retry", tag = "jobs",
    request_body = RetryJobs,
    responses(
        (status = 200, description = "How many wait again.", body = ChangedJobs),
        (status = 429, description = "The queue is full.", content_type = "application/problem+json", body = Problem,
            headers(("Retry-After" = u64))),
    ))]
pub(crate) async fn retry_jobs(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ChangedJobs>, Error> {
    let body = read_optional_json(&headers, body, api.config.max_body_bytes).await?;
    let RetryJobs { state, kind, before } = api.schemas.read("RetryJobs", &body)?;
    let mut states: Vec<JobState> = state.into_iter().map(JobState::from).collect();
    if states.is_empty() {
        states = vec![JobState::Failed, JobState::Dead];
    }
    let limit = api.config.queue_limit;
    let room = limit.saturating_sub(api.db.count_open().await?);
    if room == 0 {
        let detail =
            format!("{limit} jobs are open, which is the limit of this server; try again when some have ended");
        return Err(Error::new(ProblemCode::QueueFull, detail).retry_after());
    }
    let filter = EndedFilter { states, kinds: kind, before: until(&api, before) };
    Ok(Json(api.dispatch.retry_jobs(&filter, room).await?))
}

/// Without a time, what has ended by now is meant, and nothing that ends while the request works.
fn until(api: &Api, before: Option<OffsetDateTime>) -> OffsetDateTime {
    before.unwrap_or_else(|| api.clock.now() + Duration::from_micros(1))
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Db(error) => error.into(),
            Trouble::Queue(error) => error.into(),
            Trouble::Assets(error) => error.into(),
        }
    }
}
