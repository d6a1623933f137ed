//! Recognises pictures that show nothing: one colour all over, which is what comes out when numbers overflow on the way.
//!
//! Black, grey or white squares are what autoencoders of half precision make of values that they cannot hold. Decoding in
//! tiles often helps, since each tile is scaled by itself, so it is tried once.

use contract::result::{Measure, MeasureReason, MemoryStep};

use crate::{
    engine::{EngineError, Picture},
    order::Order,
};

/// A picture whose pixels stray less than this from their mean, in levels of 255, shows nothing.
const LEAST_DEVIATION: f64 = 1.0;
/// More pixels than this tell nothing new.
const SAMPLES: usize = 1 << 16;

/// Returns whether one of the pictures shows nothing, although what it was made from shows something.
pub(crate) fn shows_nothing(order: &Order, pictures: &[Picture]) -> bool {
    // What is only enlarged or laid together is not painted.
    let is_painted = order.spec.painting().is_some();
    let began_flat = order.image.as_ref().is_some_and(|image| is_flat(&image.rgb));
    is_painted && !began_flat && pictures.iter().any(|picture| is_flat(&picture.rgb))
}

/// Returns the same order in tiles; none where that cannot be asked for, or was.
pub(crate) fn in_tiles(order: &Order) -> Option<Order> {
    let mut tiled = order.clone();
    let painting = tiled.spec.painting_mut()?;
    (painting.vae_tiling.replace(true) != Some(true)).then_some(tiled)
}

/// Returns what to say of a second try.
pub(crate) fn measure() -> Measure {
    Measure {
        step: MemoryStep::VaeTiling,
        reason: MeasureReason::FlatPicture,
        message: "the first try gave one colour all over, so the pixels were decoded once more, in tiles".to_owned(),
    }
}

/// Returns the end of a job whose pictures show nothing.
pub(crate) fn refusal() -> EngineError {
    EngineError::Hopeless {
        message: "the engine made a picture of one colour all over, in tiles as well: \
                  numbers overflowed on the way"
            .to_owned(),
        remedy: "give the model another autoencoder (for SDXL one that is made for half precision), take another \
                 sampler or a lower cfg_scale, or another file of the model"
            .to_owned(),
    }
}

/// Returns whether all pixels are nearly alike.
fn is_flat(rgb: &[u8]) -> bool {
    let pixels = rgb.as_chunks::<3>().0;
    let stride = pixels.len().div_ceil(SAMPLES).max(1);
    (0..3).all(|channel| deviation(pixels.iter().step_by(stride).map(|pixel| pixel[channel])) < LEAST_DEVIATION)
}

/// Returns how far values stray from their mean.
fn deviation(values: impl Iterator<Item = u8>) -> f64 {
    let (count, sum, squares) = values.fold((0_u64, 0_u64, 0_u64), |(count, sum, squares), value| {
        (count + 1, sum + u64::from(value), squares + u64::from(value).pow(2))
    });
    let count = count.max(1) as f64;
    let mean = sum as f64 / count;
    (squares as f64 / count - mean * mean).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_colour_with_a_little_noise_shows_nothing() {
        assert!(is_flat(&[127; 3 * 64 * 64]));
        assert!(is_flat(&[[0, 200, 10], [1, 200, 11]].concat().repeat(500)));
    }

    #[test]
    fn a_faint_gradient_shows_something() {
        let gradient: Vec<u8> = (0..64_u8).flat_map(|row| [row / 8 + 100; 3 * 64]).collect();
        assert!(!is_flat(&gradient));
    }

    #[test]
    fn a_few_bright_dots_in_the_dark_show_something() {
        let mut stars = vec![0; 3 * 64 * 64];
        stars.iter_mut().step_by(999).for_each(|dot| *dot = 255);
        assert!(!is_flat(&stars));
    }
}
