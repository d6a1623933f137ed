//! The prompt assistant: what a language model is asked for by somebody who makes pictures, and what comes back.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{AssetId, spec::JobKind, text::reply::Usage};

/// `POST /api/prompt/enhance`: asks for a better prompt of the same picture.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnhancePrompt {
    /// The prompt.
    #[schema(min_length = 1, max_length = 4000, pattern = r"\S", example = "a lighthouse at dawn")]
    pub prompt: String,
    /// The picture model that the prompt is for: its family decides between tags and sentences, and whether there is a negative
    /// prompt. Without it, the one that jobs get which name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub for_model: Option<String>,
    /// What to look to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000, example = "more of the sea, less of the sky")]
    pub instruction: Option<String>,
    /// Which language model; without it the one of the setting `enhancer_model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub model: Option<String>,
}

/// A prompt that a language model wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WrittenPrompt {
    /// The prompt.
    pub prompt: String,
    /// What the picture shall not have, where the picture model looks at that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_prompt: Option<String>,
    /// The language model.
    pub model: String,
    /// What it read and wrote.
    pub usage: Usage,
}

/// `POST /api/prompt/variations`: asks for other prompts of the same idea.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VaryPrompt {
    /// The prompt.
    #[schema(min_length = 1, max_length = 4000, pattern = r"\S", example = "a lighthouse at dawn")]
    pub prompt: String,
    /// How many others.
    #[serde(default = "four")]
    #[schema(minimum = 1, maximum = 12, default = 4)]
    pub count: u32,
    /// The picture model that the prompts are for. Without it, the one that jobs get which name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub for_model: Option<String>,
    /// In what they shall differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000, example = "other times of day")]
    pub instruction: Option<String>,
    /// Which language model; without it the one of the setting `enhancer_model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub model: Option<String>,
}

/// Prompts of one idea, each different from the others and from the one that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromptVariations {
    /// As many as were asked for.
    pub prompts: Vec<String>,
    /// The language model.
    pub model: String,
    /// What it read and wrote.
    pub usage: Usage,
}

/// `POST /api/prompt/style`: asks for what prompts and pictures have in common, without what they show. At least one of both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtractStyle {
    /// Prompts of pictures in this style, each of at most 4000 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub prompts: Vec<String>,
    /// Pictures in this style.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 4)]
    pub assets: Vec<AssetId>,
    /// The picture model that the style is for. Without it, the one that jobs get which name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub for_model: Option<String>,
    /// Which language model; without it the one of the setting `enhancer_model`, or `tagger_model` where there are pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub model: Option<String>,
}

/// How pictures look, whatever they show: what is added to a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PromptStyle {
    /// What to call it.
    pub name: String,
    /// What is added to the prompt.
    pub prompt: String,
    /// What is added to the negative prompt, where the picture model looks at that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_prompt: Option<String>,
    /// The language model.
    pub model: String,
    /// What it read and wrote.
    pub usage: Usage,
}

/// `POST /api/prompt/describe`: asks for a prompt that would make a picture like this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribePicture {
    /// The picture. What it says of itself, a prompt for example, is not looked at: only what can be seen counts.
    pub asset: AssetId,
    /// The picture model that the prompt is for. Without it, the one that jobs get which name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub for_model: Option<String>,
    /// What to look to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000, example = "the light and the colours")]
    pub instruction: Option<String>,
    /// Which language model, which must have vision; without it the one of the setting `tagger_model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub model: Option<String>,
}

/// `POST /api/prompt/fields`: asks to set the fields of a job as somebody says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetFields {
    /// The kind of job.
    pub kind: JobKind,
    /// What is set at present, as such a job has it, pictures by their ids. What a job needs and nobody has set yet may be left
    /// out.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({ "prompt": "a lighthouse at dawn", "width": 512, "height": 512 }))]
    pub fields: Map<String, Value>,
    /// What is to be different.
    #[schema(min_length = 1, max_length = 1000, pattern = r"\S", example = "wider, and slower but better")]
    pub instruction: String,
    /// Which language model; without it the one of the setting `assistant_model`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub model: Option<String>,
}

/// Fields with other values, which a job of the kind takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangedFields {
    /// The fields that change, with their new values. None where nothing fits the instruction.
    #[schema(value_type = Object)]
    pub changes: Map<String, Value>,
    /// What changes and why, in a sentence.
    pub explanation: String,
    /// The language model.
    pub model: String,
    /// What it read and wrote.
    pub usage: Usage,
}

fn four() -> u32 {
    4
}
