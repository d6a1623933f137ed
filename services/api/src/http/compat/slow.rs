//! JSON that takes its time: proxies cut connections on which nothing is said, so after a while spaces are said.

use std::{convert::Infallible, pin::Pin, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse as _, Response},
};
use futures::stream::unfold;
use serde_json::Value;
use tokio::time::timeout;

use crate::http::problem::Error;

/// How long an answer may be silent. What goes wrong until then has its own status.
const SILENT_FOR: Duration = Duration::from_secs(45);
/// How often there is a sign of life after that.
const SIGN_EVERY: Duration = Duration::from_secs(10);

type Making = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>;

/// Answers with what is being made. After [`SILENT_FOR`] the answer begins, with spaces that every reader of JSON passes
/// over; what goes wrong after that stands in the body, because the status is gone.
///
/// When the client goes away, what is being made is dropped.
pub(crate) async fn answer(
    making: impl Future<Output = Result<Value, Error>> + Send + 'static,
    late_failure: impl FnOnce(Error) -> Value + Send + 'static,
) -> Result<Response, Error> {
    let mut making: Making = Box::pin(making);
    match timeout(SILENT_FOR, &mut making).await {
        Ok(made) => made.map(|value| Json(value).into_response()),
        Err(_) => Ok(signs_of_life(making, late_failure)),
    }
}

fn signs_of_life(making: Making, late_failure: impl FnOnce(Error) -> Value + Send + 'static) -> Response {
    let pieces = unfold(Some((making, late_failure)), async |state| {
        let (mut making, late_failure) = state?;
        let piece = match timeout(SIGN_EVERY, &mut making).await {
            Err(_) => return Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), Some((making, late_failure)))),
            Ok(Ok(value)) => value,
            Ok(Err(error)) => late_failure(error),
        };
        Some((Ok(Bytes::from(piece.to_string())), None))
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(pieces)).into_response()
}
