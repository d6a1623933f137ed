//! Models as the server knows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A model that jobs can name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Model {
    /// What a job's `model` says: the path below the models folder without its ending, with `/`.
    pub id: String,
    /// What its file is.
    pub format: ModelFormat,
    /// Size of all its files.
    pub size_bytes: u64,
    /// Why it cannot be used, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The file formats of models. Pickles are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelFormat {
    /// `.safetensors`
    Safetensors,
    /// `.gguf`
    Gguf,
    /// No file at all: the scripted engine.
    Scripted,
}
