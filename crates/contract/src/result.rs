//! What a job made, and how long each part took.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::{asset::AssetRef, cost::Cost};

/// What a job made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobResult {
    /// The files, in order.
    pub assets: Vec<AssetRef>,
    /// Which engine made them, with its version.
    pub engine: String,
    /// When each part began and ended.
    pub timeline: Timeline,
    /// What was done differently so that the job could be done at all: most often, to save memory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Measure>,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// Something that was done differently so that the job could be done at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Measure {
    /// What was done.
    pub step: MemoryStep,
    /// What made it necessary.
    pub reason: MeasureReason,
    /// Both in a sentence.
    pub message: String,
}

/// The ways to need less memory, in the order in which they are tried: each costs more time than those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemoryStep {
    /// All other models left the memory, those of other workers too. It slows nothing down but their next load.
    Alone,
    /// Pixels are coded and decoded in tiles.
    VaeTiling,
    /// The text encoder works on the CPU.
    TextEncoderOnCpu,
    /// The autoencoder works on the CPU.
    VaeOnCpu,
    /// Weights stay in main memory and are copied over when needed.
    WeightOffload,
    /// The tiles are smaller.
    SmallTiles,
}

/// What made a measure necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MeasureReason {
    /// The picture is large.
    LargePicture,
    /// There seemed to be too little memory for anything else.
    TightMemory,
    /// Memory ran out without it.
    OutOfMemory,
    /// Without it the picture was one colour.
    FlatPicture,
}

impl MemoryStep {
    /// Every step, in the order in which they are tried.
    pub const ALL: &[Self] =
        &[Self::Alone, Self::VaeTiling, Self::TextEncoderOnCpu, Self::VaeOnCpu, Self::WeightOffload, Self::SmallTiles];

    /// Returns the name that stands in JSON and SQL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::VaeTiling => "vae_tiling",
            Self::TextEncoderOnCpu => "text_encoder_on_cpu",
            Self::VaeOnCpu => "vae_on_cpu",
            Self::WeightOffload => "weight_offload",
            Self::SmallTiles => "small_tiles",
        }
    }
}

/// The milestones of the attempt that succeeded, by the worker's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    /// The worker took the job.
    #[serde(with = "time::serde::rfc3339")]
    pub leased_at: OffsetDateTime,
    /// The model was in memory (at once if it was there already).
    #[serde(with = "time::serde::rfc3339")]
    pub loaded_at: OffsetDateTime,
    /// The last picture was sampled and decoded.
    #[serde(with = "time::serde::rfc3339")]
    pub sampled_at: OffsetDateTime,
    /// The files were safe.
    #[serde(with = "time::serde::rfc3339")]
    pub stored_at: OffsetDateTime,
    /// Seconds that the engine itself worked.
    pub engine_s: f64,
}
