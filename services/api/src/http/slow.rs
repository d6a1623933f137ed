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
use tracing::error;

use super::problem::Error;

/// How long an answer may be silent. What goes wrong until then has its own status.
const SILENT_FOR: Duration = Duration::from_secs(45);
/// How often there is a sign of life after that.
const SIGN_EVERY: Duration = Duration::from_secs(10);

type Making = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>;

/// Answers with what is being made. After [`SILENT_FOR`] the answer begins, with spaces that every reader of JSON passes
/// over; what goes wrong after that stands in the body, because the status is gone.
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
    // Dropping the body, when the client has gone, drops what is being made.
    let pieces = unfold(Some((making, late_failure)), |state| async move {
        let (mut making, late_failure) = state?;
        let piece = match timeout(SIGN_EVERY, &mut making).await {
            Err(_) => return Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), Some((making, late_failure)))),
            Ok(Ok(value)) => value,
            Ok(Err(late)) => {
                if let Some(cause) = &late.draft().cause {
                    error!("an answer failed that had begun: {cause:#}");
                }
                late_failure(late)
            }
        };
        Some((Ok(Bytes::from(piece.to_string())), None))
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(pieces)).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::json;
    use tokio::time::sleep;

    use super::*;

    async fn told(after: Duration, made: Result<Value, Error>) -> Result<(u16, String), Error> {
        let making = async move {
            sleep(after).await;
            made
        };
        let response = answer(making, |error| json!({ "late": error.draft().detail })).await?;
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Ok((status, String::from_utf8(body.to_vec()).unwrap()))
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_is_announced_with_blanks_that_json_passes_over() {
        let quick = told(SILENT_FOR / 2, Ok(json!({ "a": 1 }))).await.unwrap();
        assert_eq!(quick, (200, "{\"a\":1}".to_owned()));
        let (status, slow) = told(SILENT_FOR + SIGN_EVERY * 7 / 2, Ok(json!({ "a": 1 }))).await.unwrap();
        assert_eq!((status, slow.as_str()), (200, "   {\"a\":1}"));
        assert_eq!(serde_json::from_str::<Value>(&slow).unwrap(), json!({ "a": 1 }));
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_early_has_its_status_and_what_fails_late_stands_in_the_body() {
        let early = told(SILENT_FOR / 2, Err(Error::conflict("no"))).await.unwrap_err();
        assert_eq!(early.draft().detail, "no");
        let (status, late) = told(SILENT_FOR * 2, Err(Error::conflict("no"))).await.unwrap();
        assert_eq!((status, late.trim_start()), (200, "{\"late\":\"no\"}"));
    }
}
