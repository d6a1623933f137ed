//! A picture from words.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Hires, Painting};

/// A picture from words. Only `prompt` is required; the front door fills in `model` and `seed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TextToImage {
    /// What all painted pictures have in common.
    #[serde(flatten)]
    pub painting: Painting,
    /// Width in pixels.
    #[serde(default = "default_side_px")]
    #[schema(minimum = 64, maximum = 4096, multiple_of = 16, default = 512)]
    pub width: u32,
    /// Height in pixels.
    #[serde(default = "default_side_px")]
    #[schema(minimum = 64, maximum = 4096, multiple_of = 16, default = 512)]
    pub height: u32,
    /// A second pass at a larger size, for detail that one pass at that size would get wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hires: Option<Hires>,
}

fn default_side_px() -> u32 {
    512
}
