//! What the side doors, for programs of other servers, have in common (`openai`, `a1111`): they translate, and nothing more.
//!
//! A request in a foreign shape is read leniently ([`fields`]), becomes a job of ours that passes every check of the native
//! routes, and is waited for ([`work`]). The program gets the result in its own shape, and failures in its own words.

pub(crate) mod attendance;
pub(crate) mod fields;
pub(crate) mod pictures;
pub(crate) mod work;

use axum::http::{HeaderName, StatusCode};
use serde_json::Value;

use super::{a1111, openai, problem::Draft};

/// Tells clients of the OpenAI kind whether to repeat a request.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// How a failure is told to a program that expects another server.
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    /// Whether the same request would end the same way, so that the client is told not to repeat it.
    pub(crate) is_final: bool,
}

/// Returns how a failure is told below this path; none where it is a problem like all others.
pub(crate) fn failure(draft: &Draft, path: &str) -> Option<Failure> {
    if openai::is_below(path) {
        return Some(openai::errors::failure(draft));
    }
    a1111::is_below(path).then(|| a1111::errors::failure(draft))
}

/// Returns whether a path belongs to a side door.
pub(crate) fn is_below(path: &str) -> bool {
    openai::is_below(path) || a1111::is_below(path)
}
