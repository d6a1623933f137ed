//! What jobs cost: what one has taken, in units that do not depend on the job, so that the next is known beforehand.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::result::MemoryStep;

/// What one job cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cost {
    /// What it was computed on: `cpu`, `cuda0`, …
    pub device: String,
    /// The area of the largest picture on the way, in megapixels.
    pub megapixels: f64,
    /// How many pictures.
    pub pictures: u32,
    /// What was done to save memory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<MemoryStep>,
    /// What the engine held at most, in MiB, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_mib: Option<u64>,
    /// How fast it went, if it had steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Pace>,
}

/// How fast a model is on a device.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pace {
    /// Seconds to bring the model into memory, where that was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loading_s: Option<f64>,
    /// Seconds to read the prompt.
    pub encoding_s: f64,
    /// Seconds of a step of one picture, for each megapixel.
    pub step_s_per_megapixel: f64,
    /// Seconds to turn one picture into pixels, for each megapixel.
    pub decoding_s_per_megapixel: f64,
    /// Seconds to store a picture.
    pub storing_s_per_picture: f64,
}
