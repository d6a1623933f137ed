//! Reads requests for text. What is known must be of its type and within its bounds; what nobody here knows is passed over.

pub(crate) mod messages;
pub(crate) mod object;
pub(crate) mod pictures;
pub(crate) mod sampling;
pub(crate) mod texts;
pub(crate) mod tools;

use std::sync::Arc;

use axum::extract::Request;
use contract::problem::ProblemCode;
use serde_json::Value;

use self::object::{Mistakes, Object};
use crate::http::{
    Api,
    body::read,
    json,
    problem::Error,
    submission::{beside, most_bytes},
};

/// Reads the JSON of a body, whatever its content type says: some programs say nothing.
pub(crate) async fn read_value(api: &Arc<Api>, request: Request) -> Result<Value, Error> {
    let (parts, body) = request.into_parts();
    let body = read(&parts.headers, body, most_bytes(api)).await?;
    let value = beside(api, body, |_, body| {
        json::parse(body).map_err(|error| Error::new(ProblemCode::MalformedRequest, error.detail))
    });
    let value = value.await?;
    if value.is_object() {
        return Ok(value);
    }
    Err(Error::new(ProblemCode::MalformedRequest, "the body must be a JSON object"))
}

/// Reads what is wished for. All mistakes are named together.
pub(crate) fn read_wish<T>(value: &Value, read: impl FnOnce(&Object<'_>) -> T) -> Result<T, Error> {
    let mistakes = Mistakes::default();
    let wish = Object::at(String::new(), value, &mistakes).map(|request| read(&request));
    mistakes.finish()?;
    wish.ok_or_else(|| Error::internal(anyhow::anyhow!("a request without fields was read: this is a bug")))
}

/// Reads which model is asked; none for the usual one.
pub(crate) fn read_model(request: &Object<'_>) -> Option<String> {
    request.text("model").filter(|model| !model.is_empty()).map(str::to_owned)
}
