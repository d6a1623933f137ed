//! Resamples pictures with the Lanczos filter, row by row: it takes little memory, and whoever waits can stop it.

use std::{collections::VecDeque, ops::ControlFlow};

use super::Pixels;

/// How many lobes of the sinc there are on each side.
const LOBES: f64 = 3.0;

/// What one pixel of the result is made of.
struct Taps {
    /// Where the first of them lies.
    first: usize,
    /// How much each counts; together 1.
    weights: Vec<f32>,
}

/// Returns a picture in another size.
#[must_use]
pub fn resample(pixels: &Pixels, width: u32, height: u32) -> Pixels {
    let whole = resample_with(pixels, width, height, |_| ControlFlow::Continue(()));
    whole.unwrap_or_else(|| Pixels { width: 0, height: 0, rgb: Vec::new() })
}

/// Returns a picture in another size; none if `tell`, which hears how many rows are done, breaks off.
pub fn resample_with(
    pixels: &Pixels,
    width: u32,
    height: u32,
    mut tell: impl FnMut(u32) -> ControlFlow<()>,
) -> Option<Pixels> {
    if (width, height) == (pixels.width, pixels.height) {
        return Some(pixels.clone());
    }
    let across = taps(pixels.width, width);
    let down = taps(pixels.height, height);
    let stride = (pixels.width as usize * 3).max(1);
    let mut rows = pixels.rgb.chunks_exact(stride);
    // The rows of the original, already as wide as the result, that the next row of the result needs.
    let mut near: VecDeque<Vec<f32>> = VecDeque::new();
    let mut near_first = 0;
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    let mut row = vec![0.0_f32; width as usize * 3];
    for (taps, done) in down.iter().zip(1..) {
        while near_first < taps.first {
            if near.pop_front().is_none() {
                rows.next();
            }
            near_first += 1;
        }
        while near.len() < taps.weights.len() {
            near.push_back(widen(rows.next().unwrap_or_default(), &across));
        }
        row.fill(0.0);
        for (line, weight) in near.iter().zip(&taps.weights) {
            for (sum, value) in row.iter_mut().zip(line) {
                *sum += value * weight;
            }
        }
        rgb.extend(row.iter().map(|value| to_byte(*value)));
        if tell(done).is_break() {
            return None;
        }
    }
    Some(Pixels { width, height, rgb })
}

/// Returns a row in its new width.
fn widen(row: &[u8], across: &[Taps]) -> Vec<f32> {
    let pixels = row.as_chunks::<3>().0;
    let mut wide = Vec::with_capacity(across.len() * 3);
    for taps in across {
        let mut sum = [0.0_f32; 3];
        for (pixel, weight) in pixels.get(taps.first..).unwrap_or_default().iter().zip(&taps.weights) {
            for (sum, value) in sum.iter_mut().zip(pixel) {
                *sum += f32::from(*value) * weight;
            }
        }
        wide.extend(sum);
    }
    wide
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value is clamped")]
fn to_byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// Returns, for each place of the result, what it is made of.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels are counted in u32")]
fn taps(from: u32, to: u32) -> Vec<Taps> {
    let scale = f64::from(from) / f64::from(to.max(1));
    // A smaller picture must look at more of the original, or fine lines flicker.
    let stretch = scale.max(1.0);
    let reach = LOBES * stretch;
    let tap = |place: u32| {
        let centre = (f64::from(place) + 0.5) * scale;
        let first = (centre - reach).floor().max(0.0) as u32;
        let end = ((centre + reach).ceil() as u32).min(from);
        let weights: Vec<f64> = (first..end).map(|at| lanczos((f64::from(at) + 0.5 - centre) / stretch)).collect();
        let whole: f64 = weights.iter().sum();
        Taps { first: first as usize, weights: weights.iter().map(|weight| (weight / whole) as f32).collect() }
    };
    (0..to).map(tap).collect()
}

fn lanczos(x: f64) -> f64 {
    let sinc =
        |x: f64| if x.abs() < 1e-9 { 1.0 } else { (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI) };
    if x.abs() < LOBES { sinc(x) * sinc(x / LOBES) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(width: u32, height: u32) -> Pixels {
        let rgb = (0..width * height * 3).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        Pixels { width, height, rgb }
    }

    #[test]
    fn one_colour_stays_that_colour_in_every_size() {
        let plain = Pixels { width: 7, height: 5, rgb: [10, 100, 250].repeat(35) };
        for (width, height) in [(1, 1), (3, 50), (50, 3), (7, 6), (14, 10)] {
            assert_eq!(resample(&plain, width, height).rgb, [10, 100, 250].repeat((width * height) as usize));
        }
    }

    #[test]
    fn it_gives_what_the_same_filter_gives_elsewhere() {
        let from = noise(23, 17);
        for (width, height) in [(46, 34), (11, 9), (23, 40), (5, 17), (64, 8)] {
            let picture = image::RgbImage::from_raw(23, 17, from.rgb.clone()).expect("as many as its size says");
            let other = image::imageops::resize(&picture, width, height, image::imageops::FilterType::Lanczos3);
            let ours = resample(&from, width, height);
            let furthest = ours.rgb.iter().zip(other.as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(furthest <= Some(2), "{width} × {height}: {furthest:?}");
        }
    }

    #[test]
    fn it_stops_when_it_is_told_to() {
        let mut rows = 0;
        let stopped = resample_with(&noise(8, 8), 16, 16, |done| {
            rows = done;
            if done == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((stopped, rows), (None, 5));
    }
}
