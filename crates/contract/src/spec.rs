//! What a person asks for: one struct a kind of job, in one tagged enum.

pub mod text_to_image;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use text_to_image::TextToImage;

/// What to make. The tag `kind` decides which fields there are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobSpec {
    /// A picture from words.
    TextToImage(TextToImage),
}

/// The kinds of job, as they stand in paths, filters and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// A picture from words.
    TextToImage,
}

/// Which kind of worker takes a job. One set of lanes in the queue for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerKind {
    /// Pictures by stable-diffusion.cpp.
    Sd,
}

impl JobSpec {
    /// Returns the kind of this job.
    #[must_use]
    pub fn kind(&self) -> JobKind {
        match self {
            Self::TextToImage(_) => JobKind::TextToImage,
        }
    }

    /// Returns the id of the model that the job needs, once the front door has chosen one.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        match self {
            Self::TextToImage(spec) => spec.model.as_deref(),
        }
    }
}

impl JobKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: &[Self] = &[Self::TextToImage];

    /// Returns the name that stands in paths and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TextToImage => "text_to_image",
        }
    }

    /// Returns the kind of worker that takes such jobs.
    #[must_use]
    pub fn worker_kind(self) -> WorkerKind {
        match self {
            Self::TextToImage => WorkerKind::Sd,
        }
    }
}

impl WorkerKind {
    /// Every kind of worker.
    pub const ALL: &[Self] = &[Self::Sd];

    /// Returns the name that stands in the keys of the queue and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sd => "sd",
        }
    }
}

impl std::str::FromStr for JobKind {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(UnknownName)
    }
}

impl std::str::FromStr for WorkerKind {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(UnknownName)
    }
}

/// A name that is not in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownName;

impl std::fmt::Display for UnknownName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("unknown name")
    }
}

impl std::error::Error for UnknownName {}
