//! A second pass at a larger size.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A second pass at a larger size: the picture is enlarged, given noise again, and sampled once more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hires {
    /// How many times as wide and high.
    #[serde(default = "default_scale")]
    #[schema(minimum = 1.0625, maximum = 4, default = 2)]
    pub scale: f64,
    /// What enlarges it: one of the engine's own ways (`latent`, `lanczos`, …) or the name of an upscaler.
    #[serde(default = "default_upscaler")]
    #[schema(min_length = 1, max_length = 200, default = "latent")]
    pub upscaler: String,
    /// Steps of the second pass; 0 for as many as in the first.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 150, default = 0)]
    pub steps: u32,
    /// How much of the enlarged picture is painted anew: 0 nothing, 1 everything.
    #[serde(default = "default_strength")]
    #[schema(minimum = 0, maximum = 1, default = 0.5)]
    pub strength: f64,
}

impl Hires {
    /// The engine's own ways to enlarge, by its own names in lower case.
    pub const BUILT_IN: &[&str] = &[
        "latent",
        "latent_nearest",
        "latent_nearest_exact",
        "latent_antialiased",
        "latent_bicubic",
        "latent_bicubic_antialiased",
        "lanczos",
        "nearest",
    ];
}

fn default_scale() -> f64 {
    2.0
}
fn default_upscaler() -> String {
    "latent".to_owned()
}
fn default_strength() -> f64 {
    0.5
}
