//! What is wrong with a request that its schema allows: words for people, and remedies for programs.

use contract::{problem::Fix, spec::JobSpec};
use serde_json::{Map, Value};

/// How much of what a client sent is sent back.
const MOST_CHARACTERS: usize = 60;

/// A field that cannot be as it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wrong {
    pub(crate) pointer: String,
    pub(crate) detail: String,
    pub(crate) fix: Option<Fix>,
}

impl Wrong {
    pub(super) fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into(), fix: None }
    }

    /// Adds a remedy: this value in place of the wrong one. A remedy sets a whole field of the body, so what lies around the
    /// value comes with it.
    pub(super) fn mended(mut self, spec: &JobSpec, value: Value) -> Self {
        let mut body = serde_json::to_value(spec).unwrap_or_default();
        let field = self.pointer.split('/').nth(1).unwrap_or_default().to_owned();
        if let Some(place) = body.pointer_mut(&self.pointer) {
            *place = value;
            self.fix = Some(Fix { set: Map::from_iter([(field.clone(), body[field.as_str()].take())]) });
        }
        self
    }
}

/// Returns the sentence that there is no such thing, with what was probably meant.
pub(crate) fn unknown(noun: &str, id: &str, nearest: &[String], list: &str) -> String {
    let hint = match nearest {
        [] => format!("GET {list} lists those that there are"),
        near => format!("did you mean {}?", near.join(" or ")),
    };
    let shown: String = id.chars().take(MOST_CHARACTERS).collect();
    format!("there is no {noun} {shown:?}; {hint}")
}
