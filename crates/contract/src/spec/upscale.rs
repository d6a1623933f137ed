//! A larger picture of the same.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Output;
use crate::AssetId;

/// A larger picture of the same: by an upscaler (ESRGAN and its kin), or by plain resampling where none is named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Upscale {
    /// The picture to enlarge: the id of an asset, or the picture itself as a `data:` URL.
    pub image: AssetId,
    /// Which upscaler enlarges it: its path below the folder `esrgan` without its ending. Without one, plain resampling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub upscaler: Option<String>,
    /// How many times as wide and high. An upscaler works by its own factor; what is missing or too much is resampled.
    #[serde(default = "default_factor")]
    #[schema(minimum = 1, maximum = 8, default = 2)]
    pub factor: f64,
    /// What the file is.
    #[serde(flatten)]
    pub output: Output,
}

fn default_factor() -> f64 {
    2.0
}
