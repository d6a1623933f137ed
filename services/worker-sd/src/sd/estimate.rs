//! How much memory a run will take, before anything is loaded: from the sizes of the files and of the picture.
//!
//! The figures for one megapixel are those of the library's own reports, with common models, rounded up. They are only the
//! first guess: what was measured of a model counts instead, as soon as there is something.

use std::fs;

use contract::{engine::ModelFiles, spec::JobSpec};
use worker::Order;

/// Weights take more room in memory than in their files.
const WEIGHTS_PERCENT: u64 = 120;
/// A child without a model.
const PROCESS_MIB: u64 = 120;
/// What sampling takes beside the weights.
const SAMPLING_MIB_PER_MEGAPIXEL: f64 = 2200.0;
/// What an autoencoder takes to decode a whole picture.
const DECODING_MIB_PER_MEGAPIXEL: f64 = 6600.0;
/// What a tiny autoencoder takes for it.
const TINY_DECODING_MIB_PER_MEGAPIXEL: f64 = 1920.0;
/// A finished picture, as the library holds it until all of a batch are there.
const PICTURE_MIB_PER_MEGAPIXEL: f64 = 16.0;

/// What a model is made of, by size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Parts {
    text_encoders_mib: u64,
    diffusion_mib: u64,
    autoencoder_mib: u64,
    has_tiny_autoencoder: bool,
}

/// How much a run has to do, as far as it decides about memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Work {
    /// Of the largest picture on the way.
    pub(super) megapixels: f64,
    /// How many pictures.
    pub(super) pictures: u32,
}

impl Parts {
    /// Looks how large the files of a model are.
    pub(super) fn of(files: &ModelFiles) -> Self {
        let mib = |path: &Option<String>| {
            path.as_ref().and_then(|path| fs::metadata(path).ok()).map_or(0, |found| found.len().div_ceil(1 << 20))
        };
        Self {
            text_encoders_mib: [&files.clip_l, &files.clip_g, &files.t5xxl, &files.llm].into_iter().map(mib).sum(),
            diffusion_mib: mib(&files.model) + mib(&files.diffusion_model),
            autoencoder_mib: mib(&files.vae) + mib(&files.taesd),
            has_tiny_autoencoder: files.taesd.is_some(),
        }
    }

    /// Looks how large the file of an upscaler is.
    pub(super) fn of_upscaler(path: &str) -> Self {
        let size_mib = fs::metadata(path).map_or(0, |found| found.len().div_ceil(1 << 20));
        Self { diffusion_mib: size_mib, ..Self::default() }
    }

    /// Returns what a child holds while it waits.
    pub(super) fn held_mib(self) -> u64 {
        let weights_mib = self.text_encoders_mib + self.diffusion_mib + self.autoencoder_mib;
        PROCESS_MIB + weights_mib * WEIGHTS_PERCENT / 100
    }

    /// Returns what a child holds at most while it works.
    pub(super) fn needed_mib(self, work: Work) -> u64 {
        let decoding_mib =
            if self.has_tiny_autoencoder { TINY_DECODING_MIB_PER_MEGAPIXEL } else { DECODING_MIB_PER_MEGAPIXEL };
        // One after the other, and each gives its memory back.
        let buffers_mib = work.megapixels * decoding_mib.max(SAMPLING_MIB_PER_MEGAPIXEL);
        let pictures_mib = work.megapixels * f64::from(work.pictures) * PICTURE_MIB_PER_MEGAPIXEL;
        self.held_mib() + (buffers_mib + pictures_mib).ceil() as u64
    }
}

impl Work {
    /// Returns the work of an order.
    pub(super) fn of(order: &Order) -> Self {
        let scale = match &order.spec {
            JobSpec::Upscale(spec) => spec.factor,
            spec => spec.hires().map_or(1.0, |hires| hires.scale),
        };
        let megapixels = f64::from(order.width) * f64::from(order.height) * scale * scale / 1_000_000.0;
        let pictures = order.spec.painting().map_or(1, |painting| painting.batch_count.max(1));
        Self { megapixels, pictures }
    }
}
