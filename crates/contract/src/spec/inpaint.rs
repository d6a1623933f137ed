//! A part of a picture painted anew, or what lies beyond its edges.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Painting;
use crate::AssetId;

/// A part of a picture painted anew (`mask`), or what lies beyond its edges (`extend`), or both.
/// Every pixel outside the mask stays exactly as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Inpaint {
    /// What all painted pictures have in common.
    #[serde(flatten)]
    pub painting: Painting,
    /// The picture to change: the id of an asset, or the picture itself as a `data:` URL.
    pub image: AssetId,
    /// Where it is painted anew: white is new, black stays, grey is blended. As large as the picture.
    /// Of a mask with transparent places that shows one colour or a coloured picture beside them, those are new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<AssetId>,
    /// How far the picture is carried on beyond its edges (outpainting).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extend: Option<Margins>,
    /// How much is painted anew where the mask is white: 0 nothing, 1 everything.
    #[serde(default = "default_strength")]
    #[schema(minimum = 0, maximum = 1, default = 1)]
    pub strength: f64,
    /// How far the edge of the mask is blurred, in pixels, into what is painted anew.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 256, default = 0)]
    pub mask_blur: u32,
}

/// Pixels beyond each edge of a picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Margins {
    /// To the left.
    #[schema(minimum = 0, maximum = 2048, default = 0)]
    pub left: u32,
    /// Above.
    #[schema(minimum = 0, maximum = 2048, default = 0)]
    pub top: u32,
    /// To the right.
    #[schema(minimum = 0, maximum = 2048, default = 0)]
    pub right: u32,
    /// Below.
    #[schema(minimum = 0, maximum = 2048, default = 0)]
    pub bottom: u32,
}

fn default_strength() -> f64 {
    1.0
}
