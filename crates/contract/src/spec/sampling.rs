//! How a picture is sampled: the choices of stable-diffusion.cpp, by its own names.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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

/// Which steps are left out because they would change little. What each saves and costs depends on the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the engine's own")]
pub enum Cache {
    Easycache,
    Ucache,
    Dbcache,
    Taylorseer,
    CacheDit,
    Spectrum,
}

/// Guidance away from what the model paints without some of its layers: better anatomy from SD3 and its kin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SkipLayerGuidance {
    /// How strongly.
    #[schema(minimum = 0, maximum = 30)]
    pub scale: f64,
    /// Which layers are left out, counted from 0.
    #[serde(default = "default_layers")]
    #[schema(min_items = 1, max_items = 64)]
    pub layers: Vec<u32>,
    /// From which share of the steps on.
    #[serde(default = "default_start")]
    #[schema(minimum = 0, maximum = 1, default = 0.01)]
    pub start: f64,
    /// Up to which share of the steps.
    #[serde(default = "default_end")]
    #[schema(minimum = 0, maximum = 1, default = 0.2)]
    pub end: f64,
}

impl Cache {
    /// Every way, in the order of the engine.
    pub const ALL: &[Self] =
        &[Self::Easycache, Self::Ucache, Self::Dbcache, Self::Taylorseer, Self::CacheDit, Self::Spectrum];
}

fn default_layers() -> Vec<u32> {
    vec![7, 8, 9]
}
fn default_start() -> f64 {
    0.01
}
fn default_end() -> f64 {
    0.2
}
