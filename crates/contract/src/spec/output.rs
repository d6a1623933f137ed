//! What the files of a job are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the files of a job are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Output {
    /// The format of the files.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(default = "png")]
    pub format: Format,
    /// The quality of JPEG and WebP: 100 is the best, and lossless in WebP. PNG is always lossless.
    #[serde(default = "default_quality", skip_serializing_if = "is_default_quality")]
    #[schema(minimum = 1, maximum = 100, default = 90)]
    pub quality: u8,
    /// Leaves out of the files how they were made. The job still says it.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(default = false)]
    pub strip_metadata: bool,
}

/// The formats that pictures are written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Lossless.
    #[default]
    Png,
    /// Small, without transparency, read by everything.
    Jpeg,
    /// Smaller.
    Webp,
}

impl Default for Output {
    fn default() -> Self {
        Self { format: Format::default(), quality: default_quality(), strip_metadata: false }
    }
}

impl Format {
    /// Every format.
    pub const ALL: &[Self] = &[Self::Png, Self::Jpeg, Self::Webp];

    /// Returns the media type of files of this format.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }
}

fn default_quality() -> u8 {
    90
}

fn is_default_quality(quality: &u8) -> bool {
    *quality == default_quality()
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
