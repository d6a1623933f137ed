//! What to do when memory is tight: steps that each save memory and cost time, in order.
//!
//! How high a run begins is chosen before it, from the estimate. When memory runs out all the same, the run climbs by one
//! step, and later runs of the model, as large or larger, begin there. Before the first step all other models leave.

use contract::result::{Measure, MeasureReason, MemoryStep};

/// What saves the memory of a card. On a processor only the tiles do.
const OF_A_CARD: &[MemoryStep] = &[
    MemoryStep::VaeTiling,
    MemoryStep::TextEncoderOnCpu,
    MemoryStep::VaeOnCpu,
    MemoryStep::WeightOffload,
    MemoryStep::SmallTiles,
];
const OF_A_PROCESSOR: &[MemoryStep] = &[MemoryStep::VaeTiling, MemoryStep::SmallTiles];
/// From this size on a whole picture takes more memory to decode than many cards have.
const LARGE_MEGAPIXELS: f64 = 1.25;

/// The steps that make sense on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ladder(&'static [MemoryStep]);

/// How the pixels are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tiles {
    /// All at once.
    Whole,
    /// In tiles of the library's size.
    Usual,
    /// In tiles a quarter as large.
    Small,
}

impl Ladder {
    /// Returns the ladder of a device. Where there is only main memory, moving things there saves nothing.
    #[must_use]
    pub fn of_device(device: &str) -> Self {
        Self(if device == "cpu" { OF_A_PROCESSOR } else { OF_A_CARD })
    }

    /// Returns the ladder of jobs for which no step does anything.
    pub(super) fn flat() -> Self {
        Self(&[])
    }

    /// Returns how many steps there are.
    pub(super) fn top(self) -> usize {
        self.0.len()
    }

    /// Returns the steps up to a height.
    pub(super) fn steps(self, height: usize) -> &'static [MemoryStep] {
        &self.0[..height.min(self.0.len())]
    }

    /// Returns how high a run must begin that decodes in tiles.
    pub(super) fn height_of_tiling(self) -> usize {
        self.0.iter().position(|step| *step == MemoryStep::VaeTiling).map_or(0, |place| place + 1)
    }
}

/// Returns whether a picture is decoded in tiles however much memory there is.
pub(super) fn is_large(megapixels: f64) -> bool {
    megapixels > LARGE_MEGAPIXELS
}

/// Returns how the steps decode pixels.
#[must_use]
pub fn tiles(steps: &[MemoryStep]) -> Tiles {
    if steps.contains(&MemoryStep::SmallTiles) {
        Tiles::Small
    } else if steps.contains(&MemoryStep::VaeTiling) {
        Tiles::Usual
    } else {
        Tiles::Whole
    }
}

/// Returns what to say of a step in the result.
pub(super) fn measure(step: MemoryStep, reason: MeasureReason) -> Measure {
    let what = match step {
        MemoryStep::Alone => "all other models left the memory",
        MemoryStep::VaeTiling => "pixels were decoded in tiles",
        MemoryStep::TextEncoderOnCpu => "the text encoder worked on the CPU",
        MemoryStep::VaeOnCpu => "the autoencoder worked on the CPU",
        MemoryStep::WeightOffload => "weights stayed in main memory and were copied over when needed",
        MemoryStep::SmallTiles => "the tiles were smaller than usual",
    };
    let why = match reason {
        MeasureReason::LargePicture => "the picture is large",
        MeasureReason::TightMemory => "there seemed to be too little memory for more",
        MeasureReason::OutOfMemory => "memory ran out without it",
        MeasureReason::FlatPicture => "the first try gave one colour all over",
    };
    Measure { step, reason, message: format!("{what}, because {why}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_processor_nothing_is_moved_to_the_processor() {
        assert_eq!(Ladder::of_device("cpu").steps(9), [MemoryStep::VaeTiling, MemoryStep::SmallTiles]);
        assert_eq!(Ladder::of_device("cuda0").top(), 5);
    }

    #[test]
    fn the_smallest_tiles_asked_for_count() {
        assert_eq!(tiles(&[]), Tiles::Whole);
        assert_eq!(tiles(&[MemoryStep::VaeTiling]), Tiles::Usual);
        assert_eq!(tiles(MemoryStep::ALL), Tiles::Small);
    }
}
