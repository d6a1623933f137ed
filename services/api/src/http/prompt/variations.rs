//! `POST /api/prompt/variations`: other prompts of the same idea.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::HeaderMap, response::Response};
use contract::{
    job::Priority,
    prompt::{PromptVariations, VaryPrompt},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    instructions,
    manner::find_manner,
    read, refused, tell,
    wording::{self, Wording, is_same, tidied},
};
use crate::{
    assistant::{Question, Role, form::schema_of},
    http::{
        Api,
        access::Caller,
        problem::{Error, Occurrence},
    },
};

/// How many characters all variations may have together, so that they fit into a small context.
const MOST_TOGETHER: usize = 3600;
/// The longest single one.
const MOST_EACH: usize = 600;

/// Variations as the model writes them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Variations {
    /// The prompts, all different from each other and from the original.
    prompts: Vec<String>,
}

/// Writes other prompts of the same idea.
#[utoipa::path(post, path = "/api/prompt/variations", tag = "prompts", request_body = VaryPrompt,
    responses((status = 200, description = "The prompts.", body = PromptVariations)))]
pub(crate) async fn vary_prompt(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Extension(occurrence): Extension<Occurrence>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let wanted = read(&api, &headers, body, "VaryPrompt").await?;
    tell(occurrence, vary(api, caller, wanted)).await
}

async fn vary(api: Arc<Api>, caller: Caller, wanted: VaryPrompt) -> Result<PromptVariations, Error> {
    let VaryPrompt { prompt, count, for_model, instruction, model } = wanted;
    let manner = find_manner(&api, for_model.as_deref()).await?;
    let original = wording::of_request("/prompt", &prompt)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let most = longest(count);
    let question = Question {
        role: Role::Enhancer,
        model,
        instruction: instructions::vary(manner),
        material: json!({ "prompt": original.words, "wish": instruction }),
        pictures: Vec::new(),
        schema: form(count, most),
        priority: Priority::Interactive,
        owner: caller.owner,
    };
    let mut kept = Vec::new();
    let check = |answer: Variations| {
        keep_new(&mut kept, &answer.prompts, &original, most);
        match kept.get(..count) {
            Some(prompts) => Ok(prompts.iter().map(|prompt| original.with_tags(prompt)).collect()),
            None => Err(format!(
                "only {} of {count} prompts differed from the original and from each other; write others",
                kept.len()
            )),
        }
    };
    let answered = api.assistant.ask(question, check).await.map_err(refused)?;
    Ok(PromptVariations { prompts: answered.answer, model: answered.model, usage: answered.usage })
}

/// Returns how long each of so many prompts may be.
fn longest(count: usize) -> usize {
    (MOST_TOGETHER / count.max(1)).min(MOST_EACH)
}

fn form(count: usize, most: usize) -> Value {
    let mut schema = schema_of::<Variations>();
    if let Some(prompts) = schema.pointer_mut("/properties/prompts") {
        prompts["minItems"] = count.into();
        prompts["maxItems"] = count.into();
        prompts["items"] = json!({ "type": "string", "minLength": 1, "maxLength": most });
    }
    schema
}

/// Keeps the prompts that say something else than the original and than those that are kept, in all rounds.
fn keep_new(kept: &mut Vec<String>, prompts: &[String], original: &Wording, most: usize) {
    for prompt in prompts {
        let prompt = tidied(prompt, most);
        let is_known = is_same(&prompt, &original.words) || kept.iter().any(|known| is_same(known, &prompt));
        if !prompt.is_empty() && !is_known {
            kept.push(prompt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assistant::form::most_characters;

    #[test]
    fn however_many_there_are_they_fit_into_a_small_context() {
        for count in 1..=12 {
            let schema = form(count, longest(count));
            assert!(most_characters(&schema) < 4000, "{schema}");
            assert_eq!(schema["properties"]["prompts"]["minItems"], count);
        }
        assert_eq!((longest(1), longest(12)), (600, 300));
    }

    #[test]
    fn only_what_is_new_is_kept() {
        let original = Wording::of("a fox in snow");
        let mut kept = vec!["a fox at night".to_owned()];
        let said = ["A fox in snow!", "a fox at night", " ", "a fox at noon", "a fox at Noon."].map(str::to_owned);
        keep_new(&mut kept, &said, &original, 100);
        assert_eq!(kept, ["a fox at night", "a fox at noon"]);
    }
}
