//! A conversation, and what the next message may be made of.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::TextSampling;
use crate::AssetId;

/// Asks for the next message of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chat {
    /// What was said, in order.
    pub messages: Vec<Message>,
    /// How many answers.
    #[serde(default = "super::one")]
    pub count: u32,
    /// What the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Whether it may, or must, call something.
    #[serde(default)]
    pub tool_choice: ToolChoice,
    /// Whether it may call several things at once; as the model's template has it where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// How much it thinks before it answers; as the model has it where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
    /// How tokens are chosen.
    #[serde(default)]
    pub sampling: TextSampling,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// What holds for the whole conversation.
    System {
        /// The words.
        text: String,
    },
    /// What the person said.
    User {
        /// Words and pictures, in order.
        parts: Vec<Part>,
    },
    /// What the model said.
    Assistant {
        /// The words.
        #[serde(default)]
        text: String,
        /// What it thought before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reasoning: Option<String>,
        /// What it called.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall>,
    },
    /// What something that was called gave back.
    Tool {
        /// Which call.
        call_id: String,
        /// The words.
        text: String,
    },
}

/// A part of what a person said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Part {
    /// Words.
    Text {
        /// The words.
        text: String,
    },
    /// A picture.
    Image {
        /// Where it is stored.
        asset: AssetId,
    },
}

/// Something that a model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON schema of its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Value>,
}

/// Something that a model called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ToolCall {
    /// Which call.
    pub id: String,
    /// The name of the tool.
    pub name: String,
    /// Its arguments, as JSON text.
    pub arguments: String,
}

/// Whether a model may call something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToolChoice {
    /// It decides by itself.
    #[default]
    Auto,
    /// It calls nothing.
    None,
    /// It calls something.
    Required,
    /// It calls this.
    Named {
        /// The name of the tool.
        name: String,
    },
}

/// How much a model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// Not at all.
    Off,
    /// A little.
    Low,
    /// As usual.
    Medium,
    /// Much.
    High,
}
