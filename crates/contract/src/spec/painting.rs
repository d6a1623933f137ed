//! What all painted pictures have in common.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Output,
    sampling::{Cache, Sampler, Scheduler, SkipLayerGuidance},
};

/// What all painted pictures have in common, whatever they are painted from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Painting {
    /// What the picture shows. `<lora:name:weight>` in it applies a LoRA.
    #[schema(min_length = 1, max_length = 10_000, pattern = r"\S", example = "a lighthouse at dawn, oil painting")]
    pub prompt: String,
    /// What the picture must not show.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(max_length = 10_000)]
    pub negative_prompt: String,
    /// Which model paints it: an id from `GET /api/models`. Without one, the server's default model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub model: Option<String>,
    /// How many denoising steps.
    #[serde(default = "default_steps")]
    #[schema(minimum = 1, maximum = 150, default = 20)]
    pub steps: u32,
    /// How closely the picture follows the prompt (classifier-free guidance). 1 switches it off.
    #[serde(default = "default_cfg_scale")]
    #[schema(minimum = 0, maximum = 30, default = 7)]
    pub cfg_scale: f64,
    /// The guidance that distilled models such as FLUX take as an input.
    #[serde(default = "default_distilled_guidance")]
    #[schema(minimum = 0, maximum = 100, default = 3.5)]
    pub distilled_guidance: f64,
    /// Guidance away from what the model paints without some of its layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_layer_guidance: Option<SkipLayerGuidance>,
    /// How the noise is removed. Without one, what suits the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampler: Option<Sampler>,
    /// How the steps are spread over the noise. Without one, what suits the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<Scheduler>,
    /// How much fresh noise an ancestral sampler adds in each step. Without one, what suits the sampler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub eta: Option<f64>,
    /// How far flow models such as SD3, FLUX and Qwen-Image shift the steps towards the noise. Without one, what suits the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub flow_shift: Option<f64>,
    /// The seed of the first picture; the next ones count up. Without one, a random seed, which is then kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 4_294_967_295_u64)]
    pub seed: Option<u32>,
    /// How many pictures.
    #[serde(default = "default_batch_count")]
    #[schema(minimum = 1, maximum = 16, default = 1)]
    pub batch_count: u32,
    /// How many of the last layers of the CLIP text encoder are skipped. 0 leaves it to the model.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 12, default = 0)]
    pub clip_skip: u32,
    /// LoRAs that change the model for this picture alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub loras: Vec<Lora>,
    /// Whether pixels are coded and decoded in tiles, which takes less memory and more time. Without it, when memory asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vae_tiling: Option<bool>,
    /// Which steps are left out because they would change little. Without one, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// What the files are.
    #[serde(flatten)]
    pub output: Output,
}

/// A LoRA and how much of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lora {
    /// Its name: the path below the folder `lora` without its ending.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// How much of it; negative turns it around.
    #[serde(default = "default_weight")]
    #[schema(minimum = -10, maximum = 10, default = 1)]
    pub weight: f64,
}

fn default_steps() -> u32 {
    20
}
fn default_cfg_scale() -> f64 {
    7.0
}
fn default_distilled_guidance() -> f64 {
    3.5
}
fn default_batch_count() -> u32 {
    1
}
fn default_weight() -> f64 {
    1.0
}
