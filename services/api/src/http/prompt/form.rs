//! The forms of written prompts: what the model reads about its answer, and how the answer is checked.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::wording::tidied;
use crate::{assistant::form::schema_of, capabilities::PromptManner};

/// The longest prompt: three times what CLIP reads at once, and as much as the others make use of.
pub(super) const MOST_PROMPT: usize = 1200;
/// The longest negative prompt.
pub(super) const MOST_NEGATIVE: usize = 400;

/// A prompt as the model writes it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    /// The prompt and nothing about it.
    #[schema(min_length = 1, max_length = 1200)]
    prompt: String,
    /// What must not be in the picture: a few things that would spoil this one, separated by commas, each named without a "no".
    #[schema(min_length = 1, max_length = 400)]
    negative_prompt: Option<String>,
}

/// Returns the schema of a written prompt.
pub(super) fn written(manner: PromptManner) -> Value {
    with_negative(schema_of::<Written>(), manner)
}

/// Makes the negative prompt of a form a plain text that must be there, or takes it out where nobody looks at it.
pub(super) fn with_negative(mut schema: Value, manner: PromptManner) -> Value {
    const NAME: &str = "negative_prompt";
    if let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        if manner.has_negative {
            fields.entry(NAME).and_modify(|field| field["type"] = "string".into());
        } else {
            fields.remove(NAME);
        }
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| name != NAME);
        required.extend(manner.has_negative.then(|| NAME.into()));
    }
    schema
}

impl Written {
    /// Returns prompt and negative prompt, or what is wrong with them.
    pub(super) fn checked(self) -> Result<(String, Option<String>), String> {
        let prompt = tidied(&self.prompt, MOST_PROMPT);
        if prompt.is_empty() {
            return Err("its prompt was empty".to_owned());
        }
        let negative = self.negative_prompt.map(|text| tidied(&text, MOST_NEGATIVE));
        Ok((prompt, negative.filter(|text| !text.is_empty())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_negative_prompt_is_asked_for_only_where_it_is_looked_at() {
        let with = written(PromptManner { has_tags: true, has_negative: true });
        assert_eq!(with["properties"]["negative_prompt"]["type"], "string");
        assert_eq!(with["required"], json!(["prompt", "negative_prompt"]));
        let without = written(PromptManner { has_tags: true, has_negative: false });
        assert_eq!(without["properties"].as_object().unwrap().keys().collect::<Vec<_>>(), ["prompt"]);
        assert_eq!(without["required"], json!(["prompt"]));
        assert_eq!(with["properties"]["prompt"]["maxLength"], MOST_PROMPT);
        assert_eq!(with["properties"]["negative_prompt"]["maxLength"], MOST_NEGATIVE);
    }
}
