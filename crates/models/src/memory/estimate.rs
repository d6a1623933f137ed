//! How much memory a run will take, before anything is loaded: from the sizes of the files and of the picture.
//!
//! The figures for one megapixel are those of the library's own reports, with common models, rounded up. They are only the
//! first guess: what was measured of a model counts instead, as soon as there is something.

use std::fs;

use contract::{engine::ModelFiles, result::MemoryStep, spec::JobSpec};

use super::ladder::{self, Tiles};

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
/// What an upscaler takes for one of its squares.
const UPSCALING_MIB: f64 = 1000.0;
/// A tile of 32 × 32 latents, of which the deepest autoencoders make 16 × 16 pixels each.
const USUAL_TILE_MEGAPIXELS: f64 = 0.262;
/// A tile of 16 × 16 latents.
const SMALL_TILE_MEGAPIXELS: f64 = 0.066;
/// Of fewer, two decimals say nothing.
const LEAST_MEGAPIXELS_TOLD: f64 = 0.01;

/// What a model is made of, by size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts {
    /// The files of its text encoders.
    pub text_encoders_mib: u64,
    /// The file of its diffusion model, or of everything where it is one file.
    pub diffusion_mib: u64,
    /// The files of its autoencoders.
    pub autoencoder_mib: u64,
    /// Whether one of them is tiny.
    pub has_tiny_autoencoder: bool,
    /// Whether it enlarges pictures, and paints none.
    pub is_upscaler: bool,
}

/// How much a run has to do, as far as it decides about memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// Of the largest picture on the way.
    pub megapixels: f64,
    /// How many pictures.
    pub pictures: u32,
}

impl Parts {
    /// Looks how large the files of a model are. Reads from the disk; whoever only knows sizes fills in the fields.
    #[must_use]
    pub fn of(files: &ModelFiles) -> Self {
        let mib = |path: &Option<String>| {
            path.as_ref().and_then(|path| fs::metadata(path).ok()).map_or(0, |found| found.len().div_ceil(1 << 20))
        };
        Self {
            text_encoders_mib: [&files.clip_l, &files.clip_g, &files.t5xxl, &files.llm].into_iter().map(mib).sum(),
            diffusion_mib: mib(&files.model) + mib(&files.diffusion_model),
            autoencoder_mib: mib(&files.vae) + mib(&files.taesd),
            has_tiny_autoencoder: files.taesd.is_some(),
            is_upscaler: false,
        }
    }

    /// Returns those of an upscaler, whose file has so many bytes.
    #[must_use]
    pub fn of_upscaler(size_bytes: u64) -> Self {
        Self { diffusion_mib: size_bytes.div_ceil(1 << 20), is_upscaler: true, ..Self::default() }
    }

    /// Returns what a child holds while it waits.
    #[must_use]
    pub fn held_mib(self) -> u64 {
        let weights_mib = self.text_encoders_mib + self.diffusion_mib + self.autoencoder_mib;
        PROCESS_MIB + weights_mib * WEIGHTS_PERCENT / 100
    }

    /// Returns what a child holds at most of the device's memory while it works and saves memory by these steps.
    #[must_use]
    pub fn needed_mib(self, work: Work, steps: &[MemoryStep]) -> u64 {
        let has = |step| steps.contains(&step);
        let mut parts = self;
        if has(MemoryStep::TextEncoderOnCpu) {
            parts.text_encoders_mib = 0;
        }
        if has(MemoryStep::VaeOnCpu) {
            parts.autoencoder_mib = 0;
        }
        if has(MemoryStep::WeightOffload) {
            // Each part comes when it is needed, and goes.
            let largest_mib = parts.text_encoders_mib.max(parts.diffusion_mib).max(parts.autoencoder_mib);
            parts = Self { diffusion_mib: largest_mib, text_encoders_mib: 0, autoencoder_mib: 0, ..parts };
        }
        // One after the other, and each gives its memory back.
        let buffers_mib = if self.is_upscaler {
            UPSCALING_MIB
        } else {
            (work.megapixels * SAMPLING_MIB_PER_MEGAPIXEL).max(self.decoding_mib(work, steps))
        };
        let pictures_mib = work.megapixels * f64::from(work.pictures) * PICTURE_MIB_PER_MEGAPIXEL;
        parts.held_mib() + (buffers_mib + pictures_mib).ceil() as u64
    }

    fn decoding_mib(self, work: Work, steps: &[MemoryStep]) -> f64 {
        if steps.contains(&MemoryStep::VaeOnCpu) {
            return 0.0;
        }
        let at_once = match ladder::tiles(steps) {
            Tiles::Whole => work.megapixels,
            Tiles::Usual => work.megapixels.min(USUAL_TILE_MEGAPIXELS),
            Tiles::Small => work.megapixels.min(SMALL_TILE_MEGAPIXELS),
        };
        let of_a_megapixel =
            if self.has_tiny_autoencoder { TINY_DECODING_MIB_PER_MEGAPIXEL } else { DECODING_MIB_PER_MEGAPIXEL };
        at_once * of_a_megapixel
    }
}

impl Work {
    /// Returns the work of a job whose engine paints pictures of this size.
    #[must_use]
    pub fn of(spec: &JobSpec, (width, height): (u32, u32)) -> Self {
        let scale = match spec {
            JobSpec::Upscale(spec) => spec.factor,
            spec => spec.hires().map_or(1.0, |hires| hires.scale),
        };
        let megapixels = f64::from(width) * f64::from(height) * scale * scale / 1_000_000.0;
        let pictures = spec.painting().map_or(1, |painting| painting.batch_count.max(1));
        Self { megapixels, pictures }
    }

    /// Returns how large its pictures are, for people.
    #[must_use]
    pub fn size(self) -> String {
        if self.megapixels < LEAST_MEGAPIXELS_TOLD {
            return format!("{:.0} pixels", self.megapixels * 1_000_000.0);
        }
        format!("{:.2} megapixels", self.megapixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: Work = Work { megapixels: 4.0, pictures: 1 };
    const PARTS: Parts = Parts {
        text_encoders_mib: 9000,
        diffusion_mib: 12_000,
        autoencoder_mib: 300,
        has_tiny_autoencoder: false,
        is_upscaler: false,
    };

    #[test]
    fn a_tiny_picture_is_told_in_pixels() {
        let size = |megapixels| Work { megapixels, pictures: 1 }.size();
        assert_eq!((size(1.048_576), size(0.004_096)), ("1.05 megapixels".to_owned(), "4096 pixels".to_owned()));
    }

    #[test]
    fn every_step_of_the_ladder_saves_memory_or_nothing() {
        let ladder = ladder::Ladder::of_device("cuda0");
        let needed: Vec<_> = (0..=ladder.top()).map(|height| PARTS.needed_mib(LARGE, ladder.steps(height))).collect();
        assert!(needed.is_sorted_by(|lower, higher| lower >= higher), "{needed:?}");
        assert!(needed[1] < needed[0] && needed[4] < needed[1], "{needed:?}");
    }

    #[test]
    fn a_larger_picture_needs_more_and_so_do_more_pictures() {
        let small = Work { megapixels: 1.0, pictures: 1 };
        assert!(PARTS.needed_mib(small, &[]) < PARTS.needed_mib(LARGE, &[]));
        assert!(PARTS.needed_mib(small, &[]) < PARTS.needed_mib(Work { pictures: 8, ..small }, &[]));
    }
}
