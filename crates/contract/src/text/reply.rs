//! What a text worker answers, piece by piece and at the end.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{JobId, job::Failure};

/// Pieces of an answer on their way to the API instance that waits for them.
///
/// The frames of a job are numbered without a gap. Whoever misses one must not go on as if nothing were missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextFrame {
    /// The job.
    pub id: JobId,
    /// The number of the frame, from 0.
    pub number: u64,
    /// What happened, in order.
    pub events: Vec<TextEvent>,
}

/// Something that happened to a text job. Exactly one of [`End`](Self::End) and [`Failed`](Self::Failed) comes, and nothing after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TextEvent {
    /// It waits for its model, or for memory.
    Waiting {
        /// Why, in a sentence with numbers.
        reason: String,
    },
    /// A piece of a message or of a continuation.
    Delta(Delta),
    /// The answer is whole.
    End {
        /// What it amounts to.
        answer: TextAnswer,
    },
    /// There will be no (more) answer.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// A piece of a message or of a continuation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// Of which of the answers, from 0.
    #[serde(default)]
    pub choice: u32,
    /// Words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Thoughts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reasoning: String,
    /// Pieces of calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCallDelta>,
    /// How likely its tokens were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<TokenLogprob>,
    /// Why this answer ends here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<Finish>,
}

/// A piece of a call. The first piece of each has its id and its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCallDelta {
    /// Which call of the message, from 0.
    pub index: u32,
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name of the tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A piece of the JSON text of its arguments.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arguments: String,
}

/// How likely a token was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    /// Its words, as far as they are whole characters.
    pub token: String,
    /// Its bytes, which may be a part of a character.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bytes: Vec<u8>,
    /// The natural logarithm of its probability.
    pub logprob: f64,
    /// The likeliest tokens in its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<TokenLogprob>,
}

/// Why an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model said so, or a stop word came up.
    Stop,
    /// It is as long as it may be.
    Length,
    /// The model calls something and waits for what it gives back.
    ToolCalls,
}

/// What a whole answer amounts to. The words of messages and continuations came before, piece by piece.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TextAnswer {
    /// Messages or continuations.
    Generated {
        /// What was read and written.
        usage: Usage,
        /// How long it took.
        timings: Timings,
    },
    /// A vector for each input, in order.
    Embeddings {
        /// The vectors.
        vectors: Vec<Vec<f32>>,
        /// What was read.
        usage: Usage,
    },
    /// The tokens of a text.
    Tokens {
        /// Their numbers in the vocabulary.
        tokens: Vec<u32>,
        /// The words of each, where they were asked for: a string, or bytes that are no whole characters.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pieces: Vec<Value>,
    },
    /// A text: of tokens, or of a conversation.
    Text {
        /// The text.
        text: String,
    },
}

/// What was read and written, in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Of the request.
    pub prompt_tokens: u32,
    /// Of these, how many were known from an earlier request.
    #[serde(default)]
    pub cached_tokens: u32,
    /// Of the answer, thoughts included.
    pub completion_tokens: u32,
    /// Of these, how many were thoughts, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u32>,
}

/// How long an answer took, as the engine measured it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Reading the request, in ms.
    pub prompt_ms: f64,
    /// Writing the answer, in ms.
    pub generation_ms: f64,
}
