//! The prompt that a model's template makes of a conversation.

use std::sync::Arc;

use axum::{Extension, Json, body::Body, extract::State, http::HeaderMap};
use contract::{
    AssetId,
    llm::{ApplyTemplate, ModelText},
    problem::Problem,
    text::{
        Chat, TextAnswer, TextRequest, TextSampling,
        chat::{Message, Part, ToolChoice},
    },
};

use super::{
    ask::Question,
    whole::{another_answer, gather},
};
use crate::http::{Api, access::Caller, body::read_json, problem::Error, submission::beside};

/// Returns the prompt that the model's template makes of a conversation.
#[utoipa::path(post, path = "/api/llm/template", tag = "llm", request_body = ApplyTemplate,
    responses(
        (status = 200, description = "The prompt.", body = ModelText),
        (status = 422, description = "A field is wrong, or the model cannot be used.",
            content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests are open.", content_type = "application/problem+json",
            body = Problem, headers(("Retry-After" = u64))),
    ))]
pub(crate) async fn apply_template(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ModelText>, Error> {
    let body = read_json(&headers, body, api.config.max_body_bytes).await?;
    let wanted: ApplyTemplate = beside(&api, body, |api, body| api.schemas.read("ApplyTemplate", body)).await?;
    let stored = pictures(&wanted.messages);
    let chat = Chat {
        messages: wanted.messages,
        count: 1,
        tools: wanted.tools,
        tool_choice: ToolChoice::Auto,
        parallel_tool_calls: None,
        thinking: wanted.thinking,
        sampling: TextSampling::default(),
    };
    let request = TextRequest::ApplyTemplate(Box::new(chat));
    let question = Question { stored, ..Question::new(wanted.model, request) };
    let mut asked = question.ask(&api, &caller).await?;
    match gather(&mut asked.answering, 0).await?.answer {
        TextAnswer::Text { text } => Ok(Json(ModelText { model: asked.model, text })),
        _ => Err(another_answer()),
    }
}

/// Returns the pictures that messages name, with their places.
fn pictures(messages: &[Message]) -> Vec<(String, AssetId)> {
    let mut found = Vec::new();
    for (place, message) in messages.iter().enumerate() {
        let Message::User { parts } = message else { continue };
        for (part_place, part) in parts.iter().enumerate() {
            if let Part::Image { asset } = part {
                found.push((format!("/messages/{place}/parts/{part_place}/asset"), *asset));
            }
        }
    }
    found
}
