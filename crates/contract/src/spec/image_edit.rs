//! A picture made from others by an instruction.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Painting;
use crate::AssetId;

/// A picture made from others by an instruction, by a model that was made for it (FLUX Kontext, FLUX.2, Qwen-Image-Edit).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImageEdit {
    /// What all painted pictures have in common; `prompt` is the instruction.
    #[serde(flatten)]
    pub painting: Painting,
    /// The pictures that the instruction speaks of, in its order: ids of assets, or the pictures themselves as `data:` URLs.
    #[schema(min_items = 1, max_items = 8)]
    pub images: Vec<AssetId>,
    /// Width in pixels. Without one, that of the first picture, in steps of 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 64, maximum = 4096, multiple_of = 16)]
    pub width: Option<u32>,
    /// Height in pixels. Without one, that of the first picture, in steps of 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 64, maximum = 4096, multiple_of = 16)]
    pub height: Option<u32>,
}
