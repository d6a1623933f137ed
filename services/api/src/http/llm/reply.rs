//! Our own routes for text: a body that the API document describes, and one document as the answer.

use std::sync::Arc;

use axum::{body::Body, http::HeaderMap, response::Response};
use contract::text::TextAnswer;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    ask::Question,
    whole::{another_answer, gather},
};
use crate::http::{
    Api,
    access::Caller,
    body::read_json,
    problem::{Error, Occurrence},
    slow,
    submission::beside,
};

/// Reads a body by this schema of the API document.
pub(crate) async fn read<T: DeserializeOwned + Send + 'static>(
    api: &Arc<Api>,
    headers: &HeaderMap,
    body: Body,
    schema: &'static str,
) -> Result<T, Error> {
    let body = read_json(headers, body, api.config.max_body_bytes).await?;
    beside(api, body, move |api, body| api.schemas.read(schema, body)).await
}

/// Asks, and answers with what `tell` makes of the model's id and of what it answered; none where that is no such answer.
///
/// The model may still have to be loaded: meanwhile there are signs of life, and who goes away ends the work.
pub(crate) async fn reply<T: Serialize>(
    api: &Arc<Api>,
    caller: &Caller,
    occurrence: Occurrence,
    question: Question,
    tell: impl FnOnce(String, TextAnswer) -> Option<T> + Send + 'static,
) -> Result<Response, Error> {
    let mut asked = question.ask(api, caller).await?;
    let whole = async move {
        let answer = gather(&mut asked.answering, 0).await?.answer;
        let told = tell(asked.model, answer).ok_or_else(another_answer)?;
        serde_json::to_value(told).map_err(Error::internal)
    };
    slow::answer(whole, occurrence.late()).await
}
