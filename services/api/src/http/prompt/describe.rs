//! `POST /api/prompt/describe`: the prompt that would make a picture like this one.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::HeaderMap, response::Response};
use contract::{
    job::Priority,
    prompt::{DescribePicture, WrittenPrompt},
};
use serde_json::json;

use super::{find_picture, form, instructions, manner::find_manner, read, refused, tell};
use crate::{
    assistant::{Question, Role},
    http::{
        Api,
        access::Caller,
        problem::{Error, Occurrence},
    },
};

/// Looks at a picture, and writes a prompt that would make one like it.
#[utoipa::path(post, path = "/api/prompt/describe", tag = "prompts", request_body = DescribePicture,
    responses((status = 200, description = "The prompt.", body = WrittenPrompt)))]
pub(crate) async fn describe_picture(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Extension(occurrence): Extension<Occurrence>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let wanted = read(&api, &headers, body, "DescribePicture").await?;
    tell(occurrence, describe(api, caller, wanted)).await
}

async fn describe(api: Arc<Api>, caller: Caller, wanted: DescribePicture) -> Result<WrittenPrompt, Error> {
    let DescribePicture { asset, for_model, instruction, model } = wanted;
    let manner = find_manner(&api, for_model.as_deref()).await?;
    let question = Question {
        role: Role::Tagger,
        model,
        instruction: instructions::describe(manner),
        material: json!({ "wish": instruction }),
        pictures: vec![find_picture(&api, "/asset", asset).await?],
        schema: form::written(manner),
        priority: Priority::Interactive,
        owner: caller.owner,
    };
    let answered = api.assistant.ask(question, form::Written::checked).await.map_err(refused)?;
    let (prompt, negative_prompt) = answered.answer;
    Ok(WrittenPrompt { prompt, negative_prompt, model: answered.model, usage: answered.usage })
}
