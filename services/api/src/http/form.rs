//! Reads multipart forms piece by piece: bounded in size and in time.

use axum::{
    body::Bytes,
    extract::multipart::{Field, MultipartError},
    http::StatusCode,
};
use bytes::BytesMut;
use contract::problem::ProblemCode;
use tokio::time::timeout;

use super::{
    body::{PATIENCE, too_large},
    problem::Error,
};

/// Reads a part of a form, which may have at most so many bytes.
pub(crate) async fn read_part(mut part: Field<'_>, most_bytes: usize) -> Result<Bytes, Error> {
    let mut whole = BytesMut::new();
    while let Some(piece) = in_time(part.chunk()).await? {
        if whole.len() + piece.len() > most_bytes {
            return Err(too_large(most_bytes));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// Waits for a step of reading a form, and says what is wrong with the form if it fails or takes too long.
pub(crate) async fn in_time<T>(step: impl Future<Output = Result<T, MultipartError>>) -> Result<T, Error> {
    match timeout(PATIENCE, step).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(Error::new(ProblemCode::TooLarge, "the form is too large"))
        }
        Ok(Err(_)) => Err(Error::new(ProblemCode::MalformedRequest, "the form is broken, or it broke off")),
        Err(_) => Err(Error::new(ProblemCode::MalformedRequest, "the form did not come to its end in time")),
    }
}
