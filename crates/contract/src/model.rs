//! Models as the server knows them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::memory::Fit;

/// A model that jobs can name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Model {
    /// What a job's `model` says: the path below the models folder without its ending, with `/`.
    pub id: String,
    /// What its file is.
    pub format: ModelFormat,
    /// Size of all its files.
    pub size_bytes: u64,
    /// What it is built like, by its tensors. It decides what suits the model: sizes, steps, guidance.
    #[serde(default)]
    pub family: Family,
    /// Why it cannot be used, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Whether it fits into memory; none while no worker is there that would run it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
}

/// A file that adds to a model: a LoRA, an upscaler, an embedding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddOn {
    /// What a job calls it: the path below its folder without its ending, with `/`.
    pub id: String,
    /// What its file is.
    pub format: ModelFormat,
    /// Size of the file.
    pub size_bytes: u64,
    /// Whether an upscaler fits into the memory of the device that would run it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
    /// Why it cannot be used, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What a model is built like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Stable Diffusion 1.
    Sd1,
    /// Stable Diffusion 2.
    Sd2,
    /// Stable Diffusion XL.
    Sdxl,
    /// Stable Diffusion 3 and 3.5.
    Sd3,
    /// FLUX.1, with Kontext, Fill and schnell.
    Flux,
    /// FLUX.2, with klein.
    Flux2,
    /// Qwen-Image, with its editing models.
    QwenImage,
    /// Z-Image.
    ZImage,
    /// Chroma.
    Chroma,
    /// Wan.
    Wan,
    /// None of these, or it cannot be told.
    #[default]
    #[serde(other)]
    Unknown,
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
