//! The prompt that a model's template makes of a conversation.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::HeaderMap, response::Response};
use contract::{
    AssetId,
    llm::{ApplyTemplate, ModelText},
    text::{
        Chat, TextRequest, TextSampling,
        chat::{Message, Part, ToolChoice},
    },
};

use super::{
    ask::Question,
    reply::{read, reply},
    tokens::told_text,
};
use crate::http::{
    Api,
    access::Caller,
    problem::{Error, Occurrence},
};

/// Returns the prompt that the model's template makes of a conversation.
///
/// While the model is loaded, spaces keep the connection alive from the 45th second on; what goes wrong after that is a problem
/// in the body of a 200.
#[utoipa::path(post, path = "/api/llm/template", tag = "llm", request_body = ApplyTemplate,
    responses((status = 200, description = "The prompt.", body = ModelText)))]
pub(crate) async fn apply_template(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Extension(occurrence): Extension<Occurrence>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let wanted: ApplyTemplate = read(&api, &headers, body, "ApplyTemplate").await?;
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
    reply(&api, &caller, occurrence, question, told_text).await
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
