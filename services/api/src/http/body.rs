//! Reads bodies: bounded in size and in time.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
};
use bytes::BytesMut;
use contract::problem::ProblemCode;
use futures::StreamExt as _;

use super::problem::Error;

/// How long a client may be silent in the middle of its body.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a body that must be JSON.
pub(crate) async fn read_json(headers: &HeaderMap, body: Body, limit_bytes: usize) -> Result<Bytes, Error> {
    if !is_json(headers) {
        return Err(not_json());
    }
    read(headers, body, limit_bytes).await
}

/// Reads a body that must be JSON, or be left out, which means `{}`.
pub(crate) async fn read_optional_json(headers: &HeaderMap, body: Body, limit_bytes: usize) -> Result<Bytes, Error> {
    if is_json(headers) {
        let whole = read(headers, body, limit_bytes).await?;
        return Ok(if whole.is_empty() { Bytes::from_static(b"{}") } else { whole });
    }
    // Who says nothing need not say what it is.
    if read(headers, body, 0).await.is_ok() { Ok(Bytes::from_static(b"{}")) } else { Err(not_json()) }
}

/// Returns whether the content type says JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let kind = media_type(headers);
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// Returns the content type without its parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn not_json() -> Error {
    let detail = "the body must be JSON: send it with the header Content-Type: application/json";
    Error::new(ProblemCode::UnsupportedMediaType, detail)
}

/// Reads a body, whatever it is.
pub(crate) async fn read(headers: &HeaderMap, body: Body, limit_bytes: usize) -> Result<Bytes, Error> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|announced| announced > limit_bytes as u64) {
        return Err(too_large(limit_bytes));
    }
    let mut pieces = body.into_data_stream();
    let mut whole = BytesMut::new();
    while let Some(piece) = next_piece(&mut pieces).await? {
        if whole.len() + piece.len() > limit_bytes {
            return Err(too_large(limit_bytes));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

async fn next_piece(pieces: &mut axum::body::BodyDataStream) -> Result<Option<Bytes>, Error> {
    let malformed = |detail: &str| Error::new(ProblemCode::MalformedRequest, detail);
    match tokio::time::timeout(PATIENCE, pieces.next()).await {
        Ok(Some(Ok(piece))) => Ok(Some(piece)),
        Ok(None) => Ok(None),
        Ok(Some(Err(_))) => Err(malformed("the body broke off")),
        Err(_) => Err(malformed("the body did not come to its end in time")),
    }
}

/// Returns the problem that a body is larger than this.
pub(crate) fn too_large(limit_bytes: usize) -> Error {
    Error::new(ProblemCode::TooLarge, format!("the body must have at most {limit_bytes} bytes"))
}
