//! Which web pages may use the server: checks `Host` and `Origin`, and answers the questions of browsers (CORS).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{Api, problem::Error};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, if-none-match, if-range, last-event-id, prefer, range, \
     traceparent, x-request-id",
);
const RESPONSE_HEADERS: HeaderValue =
    HeaderValue::from_static("content-range, etag, location, preference-applied, retry-after, x-request-id");
/// For how long a browser need not ask again: ten minutes.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Lets a request pass if its host and its origin are ours, and tells the browser who may read the answer.
pub(crate) async fn guard(State(api): State<Arc<Api>>, request: Request, next: Next) -> Result<Response, Error> {
    let foreign = api.hosts.check(request.method(), request.uri(), request.headers())?;
    let is_question = *request.method() == Method::OPTIONS;
    let is_preflight = is_question && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = next.run(request).await;
    if is_question && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response = options(is_preflight && foreign.is_some());
    }
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = foreign {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    }
    Ok(response)
}

/// Answers what is allowed here. The router adds the `Allow` header itself, behind all layers.
fn options(is_preflight: bool) -> Response {
    let mut headers = HeaderMap::new();
    if is_preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    (StatusCode::NO_CONTENT, headers).into_response()
}
