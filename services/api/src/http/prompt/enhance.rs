//! `POST /api/prompt/enhance`: a better prompt of the same picture.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::HeaderMap, response::Response};
use contract::{
    job::Priority,
    prompt::{EnhancePrompt, WrittenPrompt},
};
use serde_json::json;

use super::{form, instructions, manner::find_manner, read, refused, tell, wording};
use crate::{
    assistant::{Question, Role},
    http::{
        Api,
        access::Caller,
        problem::{Error, Occurrence},
    },
};

/// Writes a better prompt of the same picture.
#[utoipa::path(post, path = "/api/prompt/enhance", tag = "prompts", request_body = EnhancePrompt,
    responses((status = 200, description = "The prompt.", body = WrittenPrompt)))]
pub(crate) async fn enhance_prompt(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Extension(occurrence): Extension<Occurrence>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let wanted = read(&api, &headers, body, "EnhancePrompt").await?;
    tell(occurrence, enhance(api, caller, wanted)).await
}

async fn enhance(api: Arc<Api>, caller: Caller, wanted: EnhancePrompt) -> Result<WrittenPrompt, Error> {
    let EnhancePrompt { prompt, for_model, instruction, model } = wanted;
    let manner = find_manner(&api, for_model.as_deref()).await?;
    let original = wording::of_request("/prompt", &prompt)?;
    let question = Question {
        role: Role::Enhancer,
        model,
        instruction: instructions::enhance(manner),
        material: json!({ "prompt": original.words, "wish": instruction }),
        pictures: Vec::new(),
        schema: form::written(manner),
        priority: Priority::Interactive,
        owner: caller.owner,
    };
    let check = |answer: form::Written| {
        let (prompt, negative_prompt) = answer.checked()?;
        match wording::is_same(&prompt, &original.words) {
            true => Err("its prompt was the original, word for word".to_owned()),
            false => Ok((original.with_tags(&prompt), negative_prompt)),
        }
    };
    let answered = api.assistant.ask(question, check).await.map_err(refused)?;
    let (prompt, negative_prompt) = answered.answer;
    Ok(WrittenPrompt { prompt, negative_prompt, model: answered.model, usage: answered.usage })
}
