//! `POST /api/prompt/style`: how pictures look, whatever they show.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::HeaderMap, response::Response};
use contract::{
    asset::AssetRef,
    job::Priority,
    problem::FieldError,
    prompt::{ExtractStyle, PromptStyle},
};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    find_picture, form, instructions,
    manner::find_manner,
    read, refused, tell,
    wording::{self, tidied},
};
use crate::{
    assistant::{Question, Role, form::schema_of},
    http::{
        Api,
        access::Caller,
        problem::{Error, Occurrence},
    },
};

/// The longest example, in characters, as with the prompts of the other routes.
const MOST_EXAMPLE: usize = 4000;
/// The longest name.
const MOST_NAME: usize = 60;
/// The longest part of a prompt.
const MOST_PART: usize = 500;

/// A style as the model writes it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Style {
    /// What to call the style, in one to four words.
    #[schema(min_length = 1, max_length = 60)]
    name: String,
    /// What is added to a prompt so that its picture has the style.
    #[schema(min_length = 1, max_length = 500)]
    prompt: String,
    /// What must not be in a picture of the style, separated by commas, each named without a "no".
    #[schema(min_length = 1, max_length = 400)]
    negative_prompt: Option<String>,
}

/// Finds what prompts and pictures have in common in how they look.
#[utoipa::path(post, path = "/api/prompt/style", tag = "prompts", request_body = ExtractStyle,
    responses((status = 200, description = "The style.", body = PromptStyle)))]
pub(crate) async fn extract_style(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Extension(occurrence): Extension<Occurrence>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let wanted = read(&api, &headers, body, "ExtractStyle").await?;
    tell(occurrence, extract(api, caller, wanted)).await
}

async fn extract(api: Arc<Api>, caller: Caller, wanted: ExtractStyle) -> Result<PromptStyle, Error> {
    let manner = find_manner(&api, wanted.for_model.as_deref()).await?;
    let examples = read_examples(&wanted.prompts)?;
    let pictures = find_pictures(&api, &wanted).await?;
    if examples.is_empty() && pictures.is_empty() {
        return Err(Error::invalid_field("/prompts", "give at least one prompt in prompts, or one picture in assets"));
    }
    let question = Question {
        // Who sees pictures is another model, often.
        role: if pictures.is_empty() { Role::Enhancer } else { Role::Tagger },
        model: wanted.model,
        instruction: instructions::style(),
        material: json!({ "prompts": examples }),
        pictures,
        schema: form::with_negative(schema_of::<Style>(), manner),
        priority: Priority::Interactive,
        owner: caller.owner,
    };
    let answered = api.assistant.ask(question, Style::checked).await.map_err(refused)?;
    let (name, prompt, negative_prompt) = answered.answer;
    Ok(PromptStyle { name, prompt, negative_prompt, model: answered.model, usage: answered.usage })
}

/// Returns the words of the prompts, each of which must have some.
fn read_examples(prompts: &[String]) -> Result<Vec<String>, Error> {
    let mut errors = Vec::new();
    let mut words = Vec::with_capacity(prompts.len());
    for (place, prompt) in prompts.iter().enumerate() {
        let pointer = format!("/prompts/{place}");
        let length = prompt.chars().count();
        match wording::of_request(&pointer, prompt) {
            _ if length > MOST_EXAMPLE => {
                let detail = format!("a prompt must have at most {MOST_EXAMPLE} characters, and this has {length}");
                errors.push(FieldError { pointer, detail });
            }
            Ok(wording) => words.push(wording.words),
            Err(error) => errors.extend(error.draft().errors.iter().cloned()),
        }
    }
    if errors.is_empty() { Ok(words) } else { Err(Error::invalid(errors, Vec::new())) }
}

/// Returns the files of the pictures, each once.
async fn find_pictures(api: &Api, wanted: &ExtractStyle) -> Result<Vec<AssetRef>, Error> {
    let mut files = Vec::<AssetRef>::new();
    for (place, id) in wanted.assets.iter().enumerate() {
        let file = find_picture(api, &format!("/assets/{place}"), *id).await?;
        if !files.iter().any(|known| known.id == file.id) {
            files.push(file);
        }
    }
    Ok(files)
}

impl Style {
    /// Returns name, part and negative part, or what is wrong with them.
    fn checked(self) -> Result<(String, String, Option<String>), String> {
        let (name, prompt) = (tidied(&self.name, MOST_NAME), tidied(&self.prompt, MOST_PART));
        if name.is_empty() || prompt.is_empty() {
            return Err("its name or its prompt was empty".to_owned());
        }
        let negative = self.negative_prompt.map(|text| tidied(&text, form::MOST_NEGATIVE));
        Ok((name, prompt, negative.filter(|text| !text.is_empty())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_that_cannot_be_used_is_named_by_its_place() {
        let long = "x".repeat(MOST_EXAMPLE + 1);
        let prompts = ["a fox", " ", "<lora:ink:1>", &long].map(str::to_owned);
        let error = read_examples(&prompts).unwrap_err();
        let pointers: Vec<&str> = error.draft().errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/prompts/1", "/prompts/2", "/prompts/3"]);
        assert_eq!(read_examples(&["a fox <lora:ink:1>".to_owned()]).unwrap(), ["a fox"]);
    }

    #[test]
    fn the_bounds_of_the_form_are_those_that_answers_are_cut_at() {
        let schema = schema_of::<Style>();
        for (name, most) in [("name", MOST_NAME), ("prompt", MOST_PART), ("negative_prompt", form::MOST_NEGATIVE)] {
            assert_eq!(schema["properties"][name]["maxLength"], most, "{name}");
        }
    }
}
