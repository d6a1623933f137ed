//! Jobs: lists, single jobs, and what people do with them.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::{
    GroupId, JobId,
    job::{Attempt, Job, JobState, MoveJob},
    page::Page,
    problem::Problem,
    spec::JobKind,
};

use super::{Api, body::read_json, id::Id, problem::Error, query::Query, waiting::fill_in_waiting};
use crate::{
    db::{CancelRequest, Cursor, JobFilter, MoveRequest, RetryRequest},
    live::fill_in_progress,
};

/// How many rows a page has without `limit`, and at most.
pub(crate) const PAGE_ROWS: u32 = 50;
pub(crate) const MOST_PAGE_ROWS: u32 = 200;

/// Lists jobs, newest first.
///
/// With `text` a page may hold fewer rows than `limit` while more follow: go on as long as `has_more` is true.
#[utoipa::path(get, path = "/api/jobs", tag = "jobs",
    params(
        ("state" = Option<Vec<JobState>>, Query, explode = true, description = "Only these states."),
        ("kind" = Option<Vec<JobKind>>, Query, explode = true, description = "Only these kinds."),
        ("text" = Option<String>, Query, max_length = 200, description = "Only jobs whose prompt contains this, whatever its case."),
        ("group" = Option<GroupId>, Query, description = "Only the jobs of this group."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "How many rows: 50 without it."),
    ),
    responses((status = 200, description = "A page of jobs.", body = Page<Job>)))]
pub(crate) async fn list_jobs(
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<Job>>, Error> {
    let mut query = Query::new(query.as_deref());
    let states: Vec<_> = JobState::ALL.iter().map(|state| (state.as_str(), *state)).collect();
    let kinds: Vec<_> = JobKind::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
    let filter = JobFilter {
        states: query.choices("state", &states),
        kinds: query.choices("kind", &kinds),
        text: query.short_text("text", 200),
        group: query.parsed("group"),
    };
    let (cursor, limit) = page(&mut query);
    query.finish()?;
    let mut page = api.db.list_jobs(&filter, cursor, limit).await?;
    if api.dispatch.queue_away_for().is_none() {
        fill_in_progress(&api.queue, &mut page.data).await;
    }
    Ok(Json(page))
}

/// Reads which page is wanted.
pub(crate) fn page(query: &mut Query) -> (Option<Cursor>, u32) {
    (query.parsed("cursor"), query.number("limit", 1, MOST_PAGE_ROWS).unwrap_or(PAGE_ROWS))
}

/// Returns a job: while it waits, with its place in line and what else it waits for; once its pictures are tagged, with their tags.
#[utoipa::path(get, path = "/api/jobs/{id}", tag = "jobs",
    params(("id" = JobId, Path, description = "Which job.")),
    responses((status = 200, description = "The job.", body = Job)))]
pub(crate) async fn load_job(State(api): State<Arc<Api>>, Id(id): Id<JobId>) -> Result<Json<Job>, Error> {
    let mut job = api.db.find_job(id).await?.ok_or_else(|| no_job(id))?;
    fill_in_waiting(&api, &mut job).await?;
    if job.state == JobState::Succeeded {
        job.tags = api.db.list_tags_of_job(id).await?;
    }
    if api.dispatch.queue_away_for().is_none() {
        fill_in_progress(&api.queue, std::slice::from_mut(&mut job)).await;
    }
    Ok(Json(job))
}

/// Cancels a job.
///
/// One that waits ends at once (200). One that runs is told, and ends soon (202): its events say when.
#[utoipa::path(delete, path = "/api/jobs/{id}", tag = "jobs",
    params(("id" = JobId, Path, description = "Which job.")),
    responses(
        (status = 200, description = "The job, which is cancelled.", body = Job),
        (status = 202, description = "The job, which will end soon.", body = Job),
        (status = 409, description = "It has ended in another way.", content_type = "application/problem+json", body = Problem),
    ))]
pub(crate) async fn cancel_job(State(api): State<Arc<Api>>, Id(id): Id<JobId>) -> Result<Response, Error> {
    match api.dispatch.cancel_job(id).await? {
        CancelRequest::Absent => Err(no_job(id)),
        CancelRequest::AlreadyEnded(job) if job.state != JobState::Cancelled => {
            Err(Error::conflict(format!("the job has ended already: {}", job.state.as_str())))
        }
        CancelRequest::AlreadyEnded(job) | CancelRequest::CancelledNow(job) => Ok(Json(job).into_response()),
        CancelRequest::Requested(job) => Ok((StatusCode::ACCEPTED, Json(job)).into_response()),
    }
}

/// Gives a failed, dead or cancelled job another try.
#[utoipa::path(post, path = "/api/jobs/{id}/retry", tag = "jobs",
    params(("id" = JobId, Path, description = "Which job.")),
    responses(
        (status = 202, description = "The job, which waits again.", body = Job, headers(("Location" = String))),
        (status = 409, description = "It has not ended, or it ended well.", content_type = "application/problem+json", body = Problem),
    ))]
pub(crate) async fn retry_job(State(api): State<Arc<Api>>, Id(id): Id<JobId>) -> Result<Response, Error> {
    match api.dispatch.retry_job(id).await? {
        RetryRequest::Absent => Err(no_job(id)),
        RetryRequest::NotRetryable(job) => {
            let detail =
                format!("only failed, dead and cancelled jobs can be retried; this one is {}", job.state.as_str());
            Err(Error::conflict(detail))
        }
        RetryRequest::Queued(job) => {
            Ok((StatusCode::ACCEPTED, [(header::LOCATION, job_path(id))], Json(job)).into_response())
        }
    }
}

/// Puts a waiting job before or behind the others of its kind and priority.
#[utoipa::path(post, path = "/api/jobs/{id}/move", tag = "jobs",
    params(("id" = JobId, Path, description = "Which job.")),
    request_body = MoveJob,
    responses(
        (status = 200, description = "The job.", body = Job),
        (status = 409, description = "It does not wait any more.", content_type = "application/problem+json", body = Problem),
    ))]
pub(crate) async fn move_job(
    State(api): State<Arc<Api>>,
    Id(id): Id<JobId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Job>, Error> {
    let body = read_json(&headers, body, api.config.max_body_bytes).await?;
    let to: MoveJob = api.schemas.read("MoveJob", &body)?;
    match api.dispatch.move_job(id, &to).await? {
        MoveRequest::Absent => Err(no_job(id)),
        MoveRequest::NotWaiting(job) => {
            Err(Error::conflict(format!("only waiting jobs can be moved; this one is {}", job.state.as_str())))
        }
        MoveRequest::Moved(mut job) => {
            fill_in_waiting(&api, &mut job).await?;
            Ok(Json(job))
        }
    }
}

/// Lists the attempts of a job, oldest first.
#[utoipa::path(get, path = "/api/jobs/{id}/attempts", tag = "jobs",
    params(("id" = JobId, Path, description = "Which job.")),
    responses((status = 200, description = "All of them.", body = Page<Attempt>)))]
pub(crate) async fn list_attempts(
    State(api): State<Arc<Api>>,
    Id(id): Id<JobId>,
) -> Result<Json<Page<Attempt>>, Error> {
    api.db.find_job(id).await?.ok_or_else(|| no_job(id))?;
    Ok(Json(whole(api.db.list_attempts(id).await?)))
}

/// Returns a short list as its only page.
pub(crate) fn whole<T>(data: Vec<T>) -> Page<T> {
    Page { data, next_cursor: None, has_more: false }
}

/// Returns the path of a job.
pub(crate) fn job_path(id: JobId) -> String {
    format!("/api/jobs/{id}")
}

/// Returns the problem that there is no such job.
pub(crate) fn no_job(id: JobId) -> Error {
    Error::not_found(format!("there is no job {id}"))
}
