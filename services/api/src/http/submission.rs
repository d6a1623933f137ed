//! Submitting a job: `POST /api/workflows/{kind}` and `PUT /api/jobs/{id}`.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    body::{Body, Bytes},
    extract::{RawPathParams, RawQuery, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::{
    JobId,
    job::{Job, Priority},
    problem::{FieldError, Problem, ProblemCode},
    spec::{JobKind, JobSpec, TextToImage},
};
use tokio::task::spawn_blocking;

use super::{
    Api, access::Caller, body::read_json, id::Id, jobs::job_path, json::shortened, problem::Error, query::Query,
    schema::nearest,
};
use crate::{live::fill_in_progress, models, submit};

/// The longest that a request may wait for its job.
const MOST_WAIT: Duration = Duration::from_secs(300);
/// The longest idempotency key.
const MOST_KEY_BYTES: usize = 255;
const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const PRIORITIES: [(&str, Priority); 3] =
    [("interactive", Priority::Interactive), ("normal", Priority::Normal), ("batch", Priority::Batch)];

/// Submits a job of this kind.
///
/// The answer comes at once (202), or with `Prefer: wait=60` when the job has ended (200), at the latest after so many seconds.
/// The same `Idempotency-Key` with the same body finds the first job again, for 24 hours.
#[utoipa::path(post, path = "/api/workflows/{kind}", tag = "jobs",
    params(
        ("kind" = JobKind, Path, description = "What kind of job."),
        ("priority" = Option<Priority>, Query, description = "How urgent it is: `normal` without it."),
        ("Idempotency-Key" = Option<String>, Header, max_length = 255, pattern = "^[!-~]+$",
            description = "A name of the client's for this request, so that it can be repeated safely."),
        ("Prefer" = Option<String>, Header, example = "wait=60",
            description = "`wait=N`: wait up to N seconds, at most 300, for the end. `respond-async`: do not wait."),
    ),
    request_body = TextToImage,
    responses(
        (status = 200, description = "The job, which has ended.", body = Job, headers(("Location" = String))),
        (status = 202, description = "The job, which waits or runs.", body = Job, headers(("Location" = String))),
        (status = 404, description = "There is no such kind of job.", content_type = "application/problem+json", body = Problem),
        (status = 422, description = "A field is wrong, the model cannot be used, or the idempotency key belongs to another request.",
            content_type = "application/problem+json", body = Problem),
        (status = 429, description = "The queue is full.", content_type = "application/problem+json", body = Problem,
            headers(("Retry-After" = u64))),
    ))]
pub(crate) async fn submit_job(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    path: RawPathParams,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let kind = path.iter().next().map(|(_, kind)| kind).unwrap_or_default();
    let Ok(kind) = kind.parse::<JobKind>() else { return Err(unknown_kind(kind)) };
    let priority = read_priority(query.as_deref())?;
    let idempotency_key = idempotency_key(&headers)?;
    let limit_bytes = if takes_pictures(kind) { most_bytes(&api) } else { api.config.max_body_bytes };
    let body = read_json(&headers, body, limit_bytes).await?;
    let asked = beside(&api, body, move |api, body| api.schemas.read_spec(kind, body)).await?;
    let request = submit::Request { id: None, asked, priority, owner: caller.owner, idempotency_key };
    submit(&api, request, &headers).await
}

/// Submits a job under an id of the client's choice.
///
/// Repeating the same request changes nothing. Another job under the same id is refused.
#[utoipa::path(put, path = "/api/jobs/{id}", tag = "jobs",
    params(
        ("id" = JobId, Path, description = "The id: a UUID that the client makes."),
        ("priority" = Option<Priority>, Query, description = "How urgent it is: `normal` without it."),
        ("Prefer" = Option<String>, Header, example = "wait=60",
            description = "`wait=N`: wait up to N seconds, at most 300, for the end. `respond-async`: do not wait."),
    ),
    request_body = JobSpec,
    responses(
        (status = 200, description = "The job, which has ended.", body = Job, headers(("Location" = String))),
        (status = 202, description = "The job, which waits or runs.", body = Job, headers(("Location" = String))),
        (status = 409, description = "Another job has this id.", content_type = "application/problem+json", body = Problem),
        (status = 422, description = "A field is wrong, or the model cannot be used.",
            content_type = "application/problem+json", body = Problem),
        (status = 429, description = "The queue is full.", content_type = "application/problem+json", body = Problem,
            headers(("Retry-After" = u64))),
    ))]
pub(crate) async fn put_job(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Id(id): Id<JobId>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let priority = read_priority(query.as_deref())?;
    let body = read_json(&headers, body, most_bytes(&api)).await?;
    let asked = beside(&api, body, |api, body| api.schemas.read_job(body)).await?;
    let request = submit::Request { id: Some(id), asked, priority, owner: caller.owner, idempotency_key: None };
    submit(&api, request, &headers).await
}

/// Returns how large a body with pictures in base64 may be.
pub(crate) fn most_bytes(api: &Api) -> usize {
    (api.config.max_upload_bytes / 3 * 4).saturating_add(api.config.max_body_bytes)
}

/// Returns whether jobs of this kind begin with pictures, which may come within the request.
fn takes_pictures(kind: JobKind) -> bool {
    kind != JobKind::TextToImage
}

/// Reads a body here, or beside the threads that answer clients where that takes long.
pub(crate) async fn beside<T: Send + 'static>(
    api: &Arc<Api>,
    body: Bytes,
    read: impl FnOnce(&Api, &[u8]) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    if body.len() <= api.config.max_body_bytes {
        return read(api, &body);
    }
    let api = Arc::clone(api);
    spawn_blocking(move || read(&api, &body)).await.map_err(Error::internal)?
}

/// Takes a job in, and waits for its end where the client wants that.
pub(crate) async fn submit(api: &Api, request: submit::Request, headers: &HeaderMap) -> Result<Response, Error> {
    let has_own_id = request.id.is_some();
    let ends = api.reception.ends();
    let mut job = api.reception.submit(request).await.map_err(|error| refused(error, has_own_id))?;
    let wait = wait(headers);
    if let Some(limit) = wait {
        job = api.reception.wait_for_end(job, ends, limit).await?;
        fill_in_progress(&api.queue, std::slice::from_mut(&mut job)).await;
    }
    let status = if job.state.is_end() { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = (status, [(header::LOCATION, job_path(job.id))], Json(job)).into_response();
    if let Some(applied) = wait.and_then(|limit| HeaderValue::try_from(format!("wait={}", limit.as_secs())).ok()) {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    Ok(response)
}

fn read_priority(query: Option<&str>) -> Result<Priority, Error> {
    let mut query = Query::new(query);
    let chosen = query.choices("priority", &PRIORITIES);
    query.finish()?;
    match chosen.as_slice() {
        [] => Ok(Priority::default()),
        [one] => Ok(*one),
        _ => Err(Error::invalid_field("priority", "priority may stand in the query only once")),
    }
}

/// Returns the client's name for this request.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(key), second) = (given.next(), given.next()) else { return Ok(None) };
    let text = key.to_str().unwrap_or_default();
    let is_fit = (1..=MOST_KEY_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_fit || second.is_some() {
        let detail = format!("{IDEMPOTENCY_KEY} must be one text of 1 to {MOST_KEY_BYTES} visible ASCII characters");
        return Err(Error::invalid_field(IDEMPOTENCY_KEY, detail));
    }
    Ok(Some(text.to_owned()))
}

/// Returns how long the client wants to wait. Preferences that we do not know are passed over, as RFC 7240 has it.
pub(crate) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let preferences: Vec<&str> = values.flat_map(|value| value.split([',', ';'])).map(str::trim).collect();
    if preferences.iter().any(|preference| preference.eq_ignore_ascii_case("respond-async")) {
        return None;
    }
    let seconds = preferences.iter().find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        let is_wait = name.trim().eq_ignore_ascii_case("wait");
        value.trim().trim_matches('"').parse::<u64>().ok().filter(|_| is_wait)
    });
    seconds.map(|seconds| Duration::from_secs(seconds).min(MOST_WAIT))
}

fn unknown_kind(kind: &str) -> Error {
    let kinds = JobKind::ALL.iter().map(|kind| kind.as_str());
    let hint = match nearest(kind, kinds.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", kinds.collect::<Vec<_>>().join(", ")),
    };
    Error::not_found(format!("there is no kind of job {:?}; {hint}", shortened(kind)))
}

/// Says why a job was not taken in.
pub(crate) fn refused(error: submit::Error, has_own_id: bool) -> Error {
    match error {
        submit::Error::Db(error) => error.into(),
        submit::Error::Model(error) => unusable_model(error),
        submit::Error::Store(error) => error.into(),
        submit::Error::Wrong(wrong) => {
            let fix = wrong.iter().filter_map(|wrong| wrong.fix.clone()).collect();
            let errors = wrong.into_iter().map(|wrong| FieldError { pointer: wrong.pointer, detail: wrong.detail });
            Error::invalid(errors.collect(), fix)
        }
        submit::Error::Mismatch if has_own_id => Error::conflict("another job has this id; choose a new one"),
        submit::Error::Mismatch => Error::new(
            ProblemCode::IdempotencyMismatch,
            "this Idempotency-Key came with another request before; choose a new key for a new request",
        )
        .at(IDEMPOTENCY_KEY),
        submit::Error::QueueFull(limit) => {
            let detail =
                format!("{limit} jobs are open, which is the limit of this server; try again when some have ended");
            Error::new(ProblemCode::QueueFull, detail).retry_after()
        }
        error @ (submit::Error::Encode(_) | submit::Error::Complete(_)) => Error::internal(error),
    }
}

/// Says why a model cannot be used, and which ones look like it.
pub(crate) fn unusable_model(error: models::Error) -> Error {
    unusable_model_at(error, "/model")
}

/// Says the same of another field, or of a parameter.
pub(crate) fn unusable_model_at(error: models::Error, pointer: &str) -> Error {
    let refuse = |detail: String| Error::new(ProblemCode::UnknownModel, detail).at(pointer);
    match error {
        models::Error::NoModel(_) => refuse(error.to_string()),
        models::Error::Library(::models::Error::Unknown { id, nearest, .. }) => {
            let refusal = refuse(submit::unknown("model", &id, &nearest, "/api/models"));
            let field = pointer.trim_start_matches('/');
            nearest.into_iter().fold(refusal, |refusal, near| refusal.fix(field, near))
        }
        models::Error::Library(::models::Error::Broken { id, problem, remedy, .. }) => {
            refuse(format!("the model {id} cannot be used: {problem}; {remedy}"))
        }
        error => Error::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_wait_that_can_be_read_is_waited_for() {
        let of = |text: &str| wait(&HeaderMap::from_iter([(PREFER, HeaderValue::from_str(text).unwrap())]));
        assert_eq!(of("wait=10"), Some(Duration::from_secs(10)));
        assert_eq!(of("handling=lenient, Wait = 9999"), Some(MOST_WAIT));
        for none in ["respond-async", "respond-async, wait=10", "wait", "wait=-1", "wait=x", "", "waits=1"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
