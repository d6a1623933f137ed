//! A picture from words.
//!
//! The bounds in the `schema` attributes are the validation: the front door checks requests against the generated schema.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A picture from words. Only `prompt` is required; the front door fills in `model` and `seed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TextToImage {
    /// What the picture shows.
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
    /// Width in pixels.
    #[serde(default = "default_side_px")]
    #[schema(minimum = 64, maximum = 4096, multiple_of = 16, default = 512)]
    pub width: u32,
    /// Height in pixels.
    #[serde(default = "default_side_px")]
    #[schema(minimum = 64, maximum = 4096, multiple_of = 16, default = 512)]
    pub height: u32,
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
    /// How the noise is removed. Without one, what suits the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampler: Option<Sampler>,
    /// How the steps are spread over the noise. Without one, what suits the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<Scheduler>,
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
}

/// How the noise is removed: the samplers of stable-diffusion.cpp, by its own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the engine's own")]
pub enum Sampler {
    Euler,
    EulerA,
    Heun,
    Dpm2,
    #[serde(rename = "dpm++2s_a")]
    Dpmpp2sA,
    #[serde(rename = "dpm++2m")]
    Dpmpp2m,
    #[serde(rename = "dpm++2mv2")]
    Dpmpp2mV2,
    Ipndm,
    IpndmV,
    Lcm,
    DdimTrailing,
    Tcd,
    ResMultistep,
    #[serde(rename = "res_2s")]
    Res2s,
    ErSde,
    EulerCfgPp,
    EulerACfgPp,
    EulerGe,
}

/// How the steps are spread over the noise: the schedulers of stable-diffusion.cpp, by its own names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the engine's own")]
pub enum Scheduler {
    Discrete,
    Karras,
    Exponential,
    Ays,
    Gits,
    SgmUniform,
    Simple,
    Smoothstep,
    KlOptimal,
    Lcm,
    BongTangent,
    Ltx2,
}

impl Sampler {
    /// Every sampler, in the order of the engine.
    pub const ALL: &[Self] = &[
        Self::Euler,
        Self::EulerA,
        Self::Heun,
        Self::Dpm2,
        Self::Dpmpp2sA,
        Self::Dpmpp2m,
        Self::Dpmpp2mV2,
        Self::Ipndm,
        Self::IpndmV,
        Self::Lcm,
        Self::DdimTrailing,
        Self::Tcd,
        Self::ResMultistep,
        Self::Res2s,
        Self::ErSde,
        Self::EulerCfgPp,
        Self::EulerACfgPp,
        Self::EulerGe,
    ];
}

impl Scheduler {
    /// Every scheduler, in the order of the engine.
    pub const ALL: &[Self] = &[
        Self::Discrete,
        Self::Karras,
        Self::Exponential,
        Self::Ays,
        Self::Gits,
        Self::SgmUniform,
        Self::Simple,
        Self::Smoothstep,
        Self::KlOptimal,
        Self::Lcm,
        Self::BongTangent,
        Self::Ltx2,
    ];
}

fn default_side_px() -> u32 {
    512
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
