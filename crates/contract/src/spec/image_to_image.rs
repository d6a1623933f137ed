//! A picture from another picture and words.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Hires, Painting};
use crate::AssetId;

/// A picture from another picture and words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImageToImage {
    /// What all painted pictures have in common.
    #[serde(flatten)]
    pub painting: Painting,
    /// The picture to begin with: the id of an asset, or the picture itself as a `data:` URL.
    pub image: AssetId,
    /// How much of it is painted anew: 0 nothing, 1 everything.
    #[serde(default = "default_strength")]
    #[schema(minimum = 0, maximum = 1, default = 0.75)]
    pub strength: f64,
    /// Width in pixels. Without one, that of the picture, in steps of 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 64, maximum = 4096, multiple_of = 16)]
    pub width: Option<u32>,
    /// Height in pixels. Without one, that of the picture, in steps of 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 64, maximum = 4096, multiple_of = 16)]
    pub height: Option<u32>,
    /// What becomes of a picture of another shape than `width` to `height`.
    #[serde(default)]
    #[schema(default = "crop")]
    pub fit: Fit,
    /// A second pass at a larger size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hires: Option<Hires>,
}

/// How a picture is brought to another shape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// What is too long is cut off on both sides.
    #[default]
    Crop,
    /// It is stretched.
    Stretch,
    /// It is shrunk until it fits, and its edges are drawn out to fill the rest.
    Pad,
}

fn default_strength() -> f64 {
    0.75
}
