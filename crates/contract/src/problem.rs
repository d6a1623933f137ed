//! Errors as clients get them: RFC 9457 `application/problem+json`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What went wrong with a request, and what to do about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A stable address for the class of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The class in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The class for programs.
    pub code: ProblemCode,
    /// What is wrong with this request, and what to do next.
    pub detail: String,
    /// Which request: the path.
    pub instance: String,
    /// The id of the request, which stands in the log too.
    pub request_id: String,
    /// The fields that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Remedies that a program can apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fix: Vec<Fix>,
}

/// A field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer to the field (`/width`), or the name of the query parameter or header.
    pub pointer: String,
    /// What is wrong with it and what would be right.
    pub detail: String,
}

/// A remedy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Fix {
    /// Fields to set to these values.
    #[schema(value_type = Object)]
    pub set: serde_json::Map<String, serde_json::Value>,
}

/// The classes of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemCode {
    /// 400: the body is not JSON, or not of the announced form.
    MalformedRequest,
    /// 401: no key, or a wrong one.
    Unauthorized,
    /// 403: the key does not allow this.
    Forbidden,
    /// 403: the `Origin` is not on the list.
    OriginRefused,
    /// 404: there is no such thing.
    NotFound,
    /// 405: the path exists, the method does not.
    MethodNotAllowed,
    /// 409: the state of the thing does not allow it.
    Conflict,
    /// 413: the body is too large.
    TooLarge,
    /// 415: the content type is not one we read.
    UnsupportedMediaType,
    /// 416: the range is outside the file.
    RangeNotSatisfiable,
    /// 421: the `Host` is not on the list.
    HostRefused,
    /// 422: a field is wrong.
    InvalidField,
    /// 422: there is no such model, or its file is broken.
    UnknownModel,
    /// 422: the same idempotency key with another body.
    IdempotencyMismatch,
    /// 429: the queue is full.
    QueueFull,
    /// 500: our fault.
    Internal,
    /// 502: a language model answered several times, and never as it should.
    UnusableAnswer,
    /// 503: Valkey, the database or the store does not answer.
    Unavailable,
}
