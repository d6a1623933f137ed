//! Failures in the words of A1111: `{"error", "detail", "body", "errors"}`.

use serde_json::{Value, json};

use crate::http::{
    compat::Failure,
    problem::{self, Draft, Error},
};

/// Returns how a failure is told.
pub(crate) fn failure(draft: &Draft) -> Failure {
    Failure { status: problem::status(draft.code), body: body(draft), is_final: false }
}

/// Returns the body for a failure whose status is gone already.
pub(crate) fn late(error: &Error) -> Value {
    body(error.draft())
}

fn body(draft: &Draft) -> Value {
    let fields = draft.errors.iter().map(|error| error.detail.as_str()).collect::<Vec<_>>().join("; ");
    let errors = if fields.is_empty() { draft.detail.clone() } else { fields };
    json!({ "error": draft.code, "detail": draft.detail, "body": "", "errors": errors })
}
