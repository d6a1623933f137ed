//! A piece of an answer as it comes over the wire: of OpenAI's forms, and of llama-server's own.
//!
//! What is missing or `null` is as good as empty: servers differ in what they leave out.

use serde::{Deserialize, Deserializer};

use crate::trouble::Trouble;

/// A piece of an answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chunk {
    #[serde(deserialize_with = "or_default")]
    pub(super) choices: Vec<Choice>,
    pub(super) usage: Option<Usage>,
    pub(super) timings: Option<Timings>,
    pub(super) error: Option<serde_json::Value>,
    /// llama-server's own form: a piece of the text.
    pub(super) content: Option<String>,
    pub(super) index: Option<u32>,
    pub(super) stop: Option<bool>,
    pub(super) stop_type: Option<String>,
    pub(super) tokens_predicted: Option<u32>,
    pub(super) tokens_evaluated: Option<u32>,
    #[serde(deserialize_with = "or_default")]
    pub(super) completion_probabilities: Vec<Logprob>,
}

/// A piece of one of several answers.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    #[serde(deserialize_with = "or_default")]
    pub(super) index: u32,
    /// Of a conversation.
    pub(super) delta: Option<Message>,
    /// Of a continuation.
    pub(super) text: Option<String>,
    pub(super) finish_reason: Option<String>,
    pub(super) logprobs: Option<Logprobs>,
}

/// A piece of a message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    #[serde(deserialize_with = "or_default")]
    pub(super) content: String,
    #[serde(deserialize_with = "or_default", alias = "reasoning")]
    pub(super) reasoning_content: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) tool_calls: Vec<ToolCall>,
}

/// A piece of a call.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolCall {
    #[serde(deserialize_with = "or_default")]
    pub(super) index: u32,
    pub(super) id: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) function: Function,
}

/// What is called.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) arguments: String,
}

/// How likely tokens were: of a conversation (`content`), or of a continuation as OpenAI once wrote it (the lists).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Logprobs {
    #[serde(deserialize_with = "or_default")]
    pub(super) content: Vec<Logprob>,
    #[serde(deserialize_with = "or_default")]
    pub(super) tokens: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) token_logprobs: Vec<Option<f64>>,
    #[serde(deserialize_with = "or_default")]
    pub(super) top_logprobs: Vec<Option<std::collections::BTreeMap<String, f64>>>,
}

/// How likely a token was.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Logprob {
    #[serde(deserialize_with = "or_default")]
    pub(super) token: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) bytes: Vec<u8>,
    #[serde(deserialize_with = "or_default")]
    pub(super) logprob: f64,
    #[serde(deserialize_with = "or_default")]
    pub(super) top_logprobs: Vec<Logprob>,
}

/// What was read and written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    #[serde(deserialize_with = "or_default")]
    pub(super) prompt_tokens: u32,
    #[serde(deserialize_with = "or_default")]
    pub(super) completion_tokens: u32,
    #[serde(deserialize_with = "or_default")]
    pub(super) prompt_tokens_details: Read,
    #[serde(deserialize_with = "or_default")]
    pub(super) completion_tokens_details: Written,
}

/// What was known before.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Read {
    #[serde(deserialize_with = "or_default")]
    pub(super) cached_tokens: u32,
}

/// What was written, one by one. llama-server does not tell it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Written {
    pub(super) reasoning_tokens: Option<u32>,
}

/// How long it took.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Timings {
    #[serde(deserialize_with = "or_default")]
    pub(super) cache_n: u32,
    #[serde(deserialize_with = "or_default")]
    pub(super) prompt_ms: f64,
    #[serde(deserialize_with = "or_default")]
    pub(super) predicted_ms: f64,
    /// Tokens of the answer so far, this piece included.
    pub(super) predicted_n: Option<u32>,
}

impl Chunk {
    /// Reads the JSON of a piece.
    pub(super) fn read(data: &str) -> Result<Self, Trouble> {
        // The cause may hold words of the answer.
        serde_json::from_str(data).map_err(|error| {
            Trouble::engine(format!(
                "a piece of the engine's answer cannot be read ({:?} at column {})",
                error.classify(),
                error.column()
            ))
        })
    }
}

/// Reads `null` as what is empty.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
