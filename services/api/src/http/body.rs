//! Reads bodies: bounded in size and in time. Notes which were not read to their end.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{HeaderMap, header},
};
use bytes::BytesMut;
use contract::problem::ProblemCode;
use futures::StreamExt as _;
use hyper::body::{Frame, SizeHint};

use super::problem::Error;

/// A body that is known to have been read to its end, or not.
#[derive(Debug)]
struct Noted {
    body: Body,
    is_read: Arc<AtomicBool>,
}

impl HttpBody for Noted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.is_read.store(true, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Notes from now on whether the body of a request was read to its end.
pub(crate) fn note_end(request: Request) -> (Request, Arc<AtomicBool>) {
    let is_read = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let noted = Arc::clone(&is_read);
    (request.map(|body| Body::new(Noted { body, is_read: noted })), is_read)
}

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
