//! The outermost layer: gives each request its id and its trace, counts it, and turns every failure into a problem.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chassis::telemetry::continue_trace;
use futures::FutureExt as _;
use tokio::time::timeout;
use tracing::{Instrument as _, error, info_span};
use uuid::Uuid;

use super::{
    Api,
    body::note_end,
    compat::{self, Failure, SHOULD_RETRY},
    metrics,
    problem::{self, Draft, Error, Occurrence},
    submission::wait,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MOST_ID_CHARACTERS: usize = 64;
const JSON_PROBLEM: HeaderValue = HeaderValue::from_static(problem::MEDIA_TYPE);

const UPLOADS: &str = "/api/assets";
const INSPECTIONS: &str = "/api/assets/inspect";
/// What is asked below here, a text worker answers, which may have to load its model first.
pub(super) const WORDS: [&str; 2] = ["/api/llm/", "/api/prompt/"];
const UPLOAD_WITHIN: Duration = Duration::from_secs(60 * 60);
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// Headers that every answer has unless its route says otherwise.
const ALWAYS: [(HeaderName, HeaderValue); 6] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-site")),
];

/// Runs a request.
pub(crate) async fn finish(State(_): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", |route| route.as_str());
    let span = info_span!("request", request.id = %id, http.method = %method, http.route = route);
    continue_trace(&span, request.headers().get("traceparent").and_then(|value| value.to_str().ok()));

    request.extensions_mut().insert(Occurrence { path: path.clone(), request_id: id.clone() });
    let limit = limit(route, &method, request.headers());
    let (request, is_read) = note_end(request);
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone());
    let mut response = match timeout(limit, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => Error::internal(anyhow::anyhow!(words(panic.as_ref()))).into_response(),
        Err(late) => Error::unavailable("something that this needs", late).into_response(),
    };
    if response.status().is_client_error() || response.status().is_server_error() {
        let draft = response.extensions_mut().remove::<Draft>();
        let draft = draft.unwrap_or_else(|| *problem::draft_of(response.status()));
        span.in_scope(|| log(&draft, &id, &method, &path));
        response = render(&draft, &response, &path, &id);
        // The connection ends with the body that nobody reads; a client that is not told would send its next request there.
        if !is_read.load(Ordering::Relaxed) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
    for (name, value) in ALWAYS {
        response.headers_mut().entry(name).or_insert(value);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    metrics::count_request(route, &method, response.status(), started.elapsed());
    response
}

/// Returns how long the answer may take to begin. Only a database that hangs takes that long.
fn limit(route: &str, method: &Method, headers: &HeaderMap) -> Duration {
    match route {
        // As long as the client keeps sending: that has a limit of its own.
        UPLOADS | INSPECTIONS if *method == Method::POST => UPLOAD_WITHIN,
        // Pictures come in here, too, and then a job is waited for.
        route if *method == Method::POST && compat::is_below(route) => UPLOAD_WITHIN,
        route if *method == Method::POST && WORDS.iter().any(|words| route.starts_with(words)) => UPLOAD_WITHIN,
        _ => ANSWER_WITHIN + wait(headers).unwrap_or_default(),
    }
}

/// Returns the id that the client gave, if it is fit for a log, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let is_fit = |id: &&str| {
        (1..=MOST_ID_CHARACTERS).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(is_fit);
    given.map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned)
}

/// Puts the document in the place of whatever body the answer had. Headers stay: `Allow` on 405, for example.
fn render(draft: &Draft, old: &Response, path: &str, id: &str) -> Response {
    let foreign = compat::failure(draft, path);
    let mut response = match &foreign {
        Some(failure) => (failure.status, Json(&failure.body)).into_response(),
        None => (problem::status(draft.code), Json(draft.problem(path, id))).into_response(),
    };
    for (name, value) in old.headers() {
        if *name != header::CONTENT_TYPE && *name != header::CONTENT_LENGTH {
            response.headers_mut().append(name, value.clone());
        }
    }
    match foreign {
        None => drop(response.headers_mut().insert(header::CONTENT_TYPE, JSON_PROBLEM)),
        Some(Failure { is_final: true, .. }) => {
            response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        Some(_) => {}
    }
    response
}

/// Logs what is our fault, once, with its cause. What is the client's fault, the client is told.
fn log(draft: &Draft, id: &str, method: &Method, path: &str) {
    let Some(cause) = &draft.cause else { return };
    error!(request.id = %id, "{method} {path} failed: {cause:#}");
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("the route panicked, this is a bug: {}", text.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn what_a_language_model_answers_may_begin_late() {
        let of = |route: &str, method: Method| limit(route, &method, &HeaderMap::new());
        for route in ["/api/prompt/enhance", "/api/llm/tokenize", "/v1/chat/completions"] {
            assert_eq!(of(route, Method::POST), UPLOAD_WITHIN, "{route}");
        }
        assert_eq!(of("/api/groups", Method::POST), ANSWER_WITHIN);
        assert_eq!(of("/api/llm/models", Method::GET), ANSWER_WITHIN);
    }

    #[test]
    fn a_request_id_that_could_forge_a_log_line_is_replaced() {
        let of = |id: &str| request_id(&HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_str(id).unwrap())]));
        assert_eq!(of("job-42.a:b_C"), "job-42.a:b_C");
        for id in ["", "a b", "é", "x\ty", &"x".repeat(65), "\"}"] {
            assert_eq!(of(id).len(), 32, "{id}");
        }
    }

    #[test]
    fn every_status_that_axum_itself_gives_has_a_class() {
        for status in [400, 404, 405, 413, 415, 426, 500] {
            let status = StatusCode::from_u16(status).unwrap();
            let class = problem::status(problem::draft_of(status).code);
            assert_eq!(class.is_server_error(), status.is_server_error());
        }
    }
}
