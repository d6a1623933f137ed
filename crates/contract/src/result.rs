//! What a job made, and how long each part took.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::asset::AssetRef;

/// What a job made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobResult {
    /// The files, in order.
    pub assets: Vec<AssetRef>,
    /// Which engine made them, with its version.
    pub engine: String,
    /// When each part began and ended.
    pub timeline: Timeline,
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
