//! Failures in the words of OpenAI: `{"error": {"message", "type", "param", "code"}}`, always with all four.

use axum::http::StatusCode;
use contract::problem::ProblemCode;
use serde_json::{Value, json};

use crate::http::{
    compat::Failure,
    problem::{self, Draft, Error},
};

/// Returns how a failure is told.
pub(crate) fn failure(draft: &Draft) -> Failure {
    let status = status(draft.code);
    // Its clients repeat 409 and everything from 500 on by themselves.
    let is_final = !matches!(draft.code, ProblemCode::QueueFull | ProblemCode::Unavailable);
    Failure { status, body: body(draft), is_final }
}

/// Returns the body for a failure whose status is gone already.
pub(crate) fn late(error: &Error) -> Value {
    body(error.draft())
}

fn body(draft: &Draft) -> Value {
    let (kind, code) = words(draft.code);
    let param = match draft.code {
        ProblemCode::UnknownModel => Some("model".to_owned()),
        // A mistake of the whole body is no field's.
        _ => draft.errors.first().filter(|error| error.pointer.len() > 1).map(|error| param(&error.pointer)),
    };
    json!({ "error": { "message": draft.detail, "type": kind, "param": param, "code": code } })
}

/// Returns the client's name for one of our fields.
fn param(pointer: &str) -> String {
    let renamed = match pointer.trim_start_matches('/').split('/').next().unwrap_or_default() {
        "batch_count" => "n",
        "width" | "height" => "size",
        "format" => "output_format",
        "quality" => "output_compression",
        "images" => "image",
        _ => return words_of(pointer),
    };
    renamed.to_owned()
}

/// Returns a place in a request as these programs write it: `messages[0].content`.
pub(crate) fn words_of(pointer: &str) -> String {
    let mut words = String::new();
    for part in pointer.split('/').filter(|part| !part.is_empty()) {
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        match is_number {
            true => words.extend(["[", part, "]"]),
            false if words.is_empty() => words.push_str(part),
            false => words.extend([".", part]),
        }
    }
    if words.is_empty() { "the body".to_owned() } else { words }
}

fn status(code: ProblemCode) -> StatusCode {
    match code {
        ProblemCode::InvalidField => StatusCode::BAD_REQUEST,
        ProblemCode::UnknownModel => StatusCode::NOT_FOUND,
        other => problem::status(other),
    }
}

/// Returns the type and the code.
fn words(code: ProblemCode) -> (&'static str, &'static str) {
    const REQUEST: &str = "invalid_request_error";
    match code {
        ProblemCode::MalformedRequest => (REQUEST, "malformed_request"),
        ProblemCode::Unauthorized => (REQUEST, "invalid_api_key"),
        ProblemCode::Forbidden => (REQUEST, "insufficient_permissions"),
        ProblemCode::OriginRefused => (REQUEST, "origin_refused"),
        ProblemCode::NotFound => (REQUEST, "not_found"),
        ProblemCode::MethodNotAllowed => (REQUEST, "method_not_allowed"),
        ProblemCode::Conflict => (REQUEST, "conflict"),
        ProblemCode::TooLarge => (REQUEST, "request_too_large"),
        ProblemCode::UnsupportedMediaType => (REQUEST, "unsupported_media_type"),
        ProblemCode::RangeNotSatisfiable => (REQUEST, "range_not_satisfiable"),
        ProblemCode::HostRefused => (REQUEST, "host_refused"),
        ProblemCode::InvalidField => (REQUEST, "invalid_value"),
        ProblemCode::UnknownModel => (REQUEST, "model_not_found"),
        ProblemCode::IdempotencyMismatch => (REQUEST, "idempotency_mismatch"),
        ProblemCode::QueueFull => ("rate_limit_error", "queue_full"),
        ProblemCode::Internal => ("server_error", "server_error"),
        ProblemCode::UnusableAnswer => ("server_error", "unusable_answer"),
        ProblemCode::Unavailable => ("server_error", "service_unavailable"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_as_the_programs_write_it() {
        assert_eq!(words_of("/messages/0/content/1/image_url"), "messages[0].content[1].image_url");
        assert_eq!((words_of("/model"), words_of("")), ("model".to_owned(), "the body".to_owned()));
        assert_eq!((param("/images/1"), param("/loras/0/name")), ("image".to_owned(), "loras[0].name".to_owned()));
    }
}
