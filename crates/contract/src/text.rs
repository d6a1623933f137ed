//! Text: what a worker is asked for, and what it answers while somebody waits.
//!
//! A text job is not written to SQL before it runs. It stands in the same lanes as every other job, names the channel of
//! the API instance that waits for it, and is gone when it ends: whoever asked gets an answer or a reason, and may ask again.

pub mod chat;
pub mod reply;
pub mod sampling;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub use chat::Chat;
pub use reply::{TextAnswer, TextEvent, TextFrame};
pub use sampling::{AnswerFormat, TextSampling};

use crate::{JobId, asset::AssetRef};

/// What stands in the queue for a text worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextJob {
    /// Which job.
    pub id: JobId,
    /// The id of the model.
    pub model: String,
    /// What is asked for.
    pub request: TextRequest,
    /// The name of the API instance that waits for the answer.
    pub reply_to: String,
    /// The pictures that the request names, so that a worker finds their files. Each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<AssetRef>,
    /// When it was asked for.
    #[serde(with = "time::serde::rfc3339")]
    pub submitted_at: OffsetDateTime,
    /// The trace that began with the request, as in W3C Trace Context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// What a text model can be asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TextRequest {
    /// The next message of a conversation.
    Chat(Box<Chat>),
    /// What follows a text.
    Completion(Box<Completion>),
    /// Vectors that stand for texts.
    Embedding(Embedding),
    /// The tokens of a text.
    Tokenize(Tokenize),
    /// The text of tokens.
    Detokenize(Detokenize),
    /// The prompt that the model's template makes of a conversation.
    ApplyTemplate(Box<Chat>),
}

/// Asks for what follows a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// The text.
    pub prompt: String,
    /// What follows behind the gap, where the model can fill one in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suffix: Option<String>,
    /// How many continuations.
    #[serde(default = "one")]
    pub count: u32,
    /// Whether the prompt stands before the answer.
    #[serde(default)]
    pub echo: bool,
    /// How tokens are chosen.
    #[serde(default)]
    pub sampling: TextSampling,
}

/// Asks for vectors that stand for texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embedding {
    /// The texts, or their tokens.
    pub inputs: Vec<EmbeddingInput>,
    /// How many numbers of each vector are kept; all where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<u32>,
}

/// What a vector stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EmbeddingInput {
    /// A text.
    Text {
        /// The text.
        text: String,
    },
    /// The tokens of a text.
    Tokens {
        /// The tokens, by their numbers in the vocabulary.
        tokens: Vec<u32>,
    },
}

/// Asks for the tokens of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokenize {
    /// The text.
    pub text: String,
    /// Whether the tokens that begin a text are added.
    #[serde(default)]
    pub add_special: bool,
    /// Whether the words of special tokens are read as such.
    #[serde(default)]
    pub parse_special: bool,
    /// Whether the words of each token are wanted too.
    #[serde(default)]
    pub with_pieces: bool,
}

/// Asks for the text of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detokenize {
    /// The tokens, by their numbers in the vocabulary.
    pub tokens: Vec<u32>,
}

fn one() -> u32 {
    1
}

impl TextRequest {
    /// Returns the name that stands in metrics and logs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Chat(_) => "chat",
            Self::Completion(_) => "completion",
            Self::Embedding(_) => "embedding",
            Self::Tokenize(_) => "tokenize",
            Self::Detokenize(_) => "detokenize",
            Self::ApplyTemplate(_) => "apply_template",
        }
    }
}
