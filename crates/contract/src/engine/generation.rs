//! Everything that sd-engine needs to make pictures, as plain values: it decides nothing itself.

use serde::{Deserialize, Serialize};

use crate::spec::sampling::{Cache, Sampler, Scheduler, SkipLayerGuidance};

/// What to make. Where a field is empty, the library takes what suits the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// What the pictures show, without tags of LoRAs.
    pub prompt: String,
    /// What they must not show.
    pub negative_prompt: String,
    /// Width in pixels, a multiple of 16.
    pub width: u32,
    /// Height in pixels, a multiple of 16.
    pub height: u32,
    /// Denoising steps of the whole way from noise to picture.
    pub steps: u32,
    /// How closely the pictures follow the prompt.
    pub cfg_scale: f64,
    /// The guidance that distilled models take as an input.
    pub distilled_guidance: f64,
    /// Guidance away from what the model paints without some layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_layer_guidance: Option<SkipLayerGuidance>,
    /// How the noise is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampler: Option<Sampler>,
    /// How the steps are spread over the noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<Scheduler>,
    /// How much fresh noise is added in each step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta: Option<f64>,
    /// How far flow models shift the steps towards the noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_shift: Option<f64>,
    /// The seed of the first picture; the next ones count up, and begin at 0 again after the largest.
    pub seed: u32,
    /// How many pictures.
    pub batch_count: u32,
    /// How many of the last layers of the CLIP text encoder are skipped; 0 leaves it to the model.
    pub clip_skip: u32,
    /// How much of `init` is painted anew.
    pub strength: f64,
    /// LoRAs, each once.
    #[serde(default)]
    pub loras: Vec<LoraFile>,
    /// Pixels are coded and decoded in tiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiling: Option<Tiling>,
    /// Which steps are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
    /// A second pass at a larger size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hires: Option<HiresPass>,
    /// The picture to begin with, in RGB, of the size to paint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<RawPicture>,
    /// Where `init` is painted anew: one byte a pixel, of the same size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<RawPicture>,
    /// The pictures that an instruction speaks of, in RGB, of any size.
    #[serde(default)]
    pub references: Vec<RawPicture>,
}

/// A picture whose bytes follow the line, after those of the pictures before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawPicture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// How many bytes: `width * height * 3`, or `width * height` of a mask.
    pub size_bytes: u64,
}

/// A LoRA and how much of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoraFile {
    /// The file, as an absolute path.
    pub path: String,
    /// How much of it.
    pub weight: f64,
}

/// How pixels are coded and decoded in tiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tiling {
    /// Width and height of a tile, in latents; 0 leaves it to the library.
    pub tile_size: u32,
    /// Which share of a tile lies over the next one.
    pub overlap: f64,
}

/// A second pass at a larger size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HiresPass {
    /// Width in pixels, a multiple of 16.
    pub width: u32,
    /// Height in pixels, a multiple of 16.
    pub height: u32,
    /// What enlarges the picture before it.
    pub upscaler: HiresUpscaler,
    /// Its steps; 0 for as many as in the first pass.
    pub steps: u32,
    /// How much of the enlarged picture is painted anew.
    pub strength: f64,
}

/// What enlarges a picture between two passes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum HiresUpscaler {
    /// One of the library's own ways, by its name in [`Hires::BUILT_IN`](crate::spec::Hires::BUILT_IN).
    BuiltIn {
        /// Its name.
        name: String,
    },
    /// An upscaler.
    Model {
        /// The file, as an absolute path.
        path: String,
        /// Width and height of the squares in which it works; 0 for the whole at once.
        tile_size: u32,
    },
}

impl Generation {
    /// Returns the pictures whose bytes follow, in their order.
    pub(super) fn pictures(&self) -> Vec<RawPicture> {
        self.init.into_iter().chain(self.mask).chain(self.references.iter().copied()).collect()
    }
}
