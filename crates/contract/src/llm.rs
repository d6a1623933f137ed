//! Language models as the server knows them, and what can be asked about their words.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    memory::Fit,
    text::chat::{Message, Thinking, Tool},
};

/// A model that writes, or makes vectors of what is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LanguageModel {
    /// What a request's `model` says: the path below the folder `llm` without its ending, with `/`.
    pub id: String,
    /// What it calls itself.
    pub name: String,
    /// Size of all its files.
    pub size_bytes: u64,
    /// What it is built like: `llama`, `qwen3`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// How many numbers it is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<u64>,
    /// How they are stored: `Q4_K_M`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantisation: Option<String>,
    /// How many tokens it was taught to look back on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
    /// How many tokens a request and its answer may have together, if its preset says so. Else it is chosen by what fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u32>,
    /// What it takes.
    #[serde(default)]
    pub modalities: Vec<Modality>,
    /// Whether it makes vectors, and writes nothing.
    #[serde(default)]
    pub is_embedder: bool,
    /// Whether it says how a chat is written.
    #[serde(default)]
    pub has_chat_template: bool,
    /// Why it cannot be used, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Whether it fits into memory; none while no worker is there that would run it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
}

/// What a language model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Modality {
    /// Words.
    Text,
    /// Pictures.
    Image,
    /// Sound.
    Audio,
}

/// `POST /api/llm/tokenize`: asks for the tokens of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenizeText {
    /// Which model; without it the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub model: Option<String>,
    /// The text.
    pub text: String,
    /// Whether the tokens that begin a text are added.
    #[serde(default)]
    pub add_special: bool,
    /// Whether the words of special tokens are read as such.
    #[serde(default)]
    pub parse_special: bool,
    /// Whether the words of each token are wanted, too.
    #[serde(default)]
    pub with_pieces: bool,
}

/// The tokens of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextTokens {
    /// Whose tokens.
    pub model: String,
    /// Their numbers in its vocabulary.
    pub tokens: Vec<u32>,
    /// The words of each, where they were asked for: a text, or a list of bytes that are no whole characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Object>)]
    pub pieces: Vec<Value>,
}

/// `POST /api/llm/detokenize`: asks for the text of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DetokenizeTokens {
    /// Which model; without it the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub model: Option<String>,
    /// The tokens, by their numbers in its vocabulary.
    #[schema(max_items = 1_000_000)]
    pub tokens: Vec<u32>,
}

/// A text that a model makes of something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModelText {
    /// Which model.
    pub model: String,
    /// The text.
    pub text: String,
}

/// `POST /api/llm/template`: asks for the prompt that a model's template makes of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyTemplate {
    /// Which model; without it the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub model: Option<String>,
    /// What was said, in order.
    #[schema(min_items = 1, max_items = 10_000)]
    pub messages: Vec<Message>,
    /// What the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 512)]
    pub tools: Vec<Tool>,
    /// How much it thinks before it answers; as the model has it where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
}
