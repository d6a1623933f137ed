//! The test card: colour bars, a gradient by seed, and what was asked for in words. The same spec gives the same bytes.

use std::io::Cursor;

use bytes::Bytes;
use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};

use crate::{engine::Picture, font};

/// The longer side of a preview.
const PREVIEW_SIDE_PX: u32 = 128;
const PREVIEW_QUALITY: u8 = 60;
/// Grey, yellow, cyan, green, magenta, red, blue: the bars that television used to send.
const BARS: [[u8; 3]; 7] =
    [[191, 191, 191], [191, 191, 0], [0, 191, 191], [0, 191, 0], [191, 0, 191], [191, 0, 0], [0, 0, 191]];

/// Draws the card of a size for one seed.
pub(crate) fn draw(width: u32, height: u32, steps: u32, seed: u32) -> Picture {
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        for x in 0..width {
            rgb.extend_from_slice(&colour(x, y, width, height, seed));
        }
    }
    let mut card = Card { width, height, rgb };
    card.write(&[
        "TEST CARD".to_owned(),
        format!("{width}x{height}"),
        format!("SEED {seed}"),
        format!("STEPS {steps}"),
    ]);
    Picture { width, height, rgb: card.rgb, seed }
}

/// Draws what is to be seen of a card after a step: a small JPEG, ever less covered by noise.
pub(crate) fn preview(picture: &Picture, step: u32, steps: u32) -> Option<Bytes> {
    let scale = picture.width.max(picture.height).div_ceil(PREVIEW_SIDE_PX).max(1);
    let (width, height) = ((picture.width / scale).max(1), (picture.height / scale).max(1));
    let mut noise = fastrand::Rng::with_seed(u64::from(picture.seed) << 32 | u64::from(step));
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        for x in 0..width {
            let at = (y as usize * scale as usize * picture.width as usize + x as usize * scale as usize) * 3;
            let dot = picture.rgb.get(at..at + 3).unwrap_or(&[0, 0, 0]);
            let is_clear = noise.u32(0..steps.max(1)) < step;
            rgb.extend(dot.iter().map(|channel| if is_clear { *channel } else { noise.u8(..) }));
        }
    }
    let mut jpeg = Cursor::new(Vec::new());
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, PREVIEW_QUALITY);
    encoder.write_image(&rgb, width, height, ExtendedColorType::Rgb8).ok()?;
    Some(Bytes::from(jpeg.into_inner()))
}

/// The upper third are bars, the rest is a gradient between two colours of the seed.
fn colour(x: u32, y: u32, width: u32, height: u32, seed: u32) -> [u8; 3] {
    if y < height / 3 {
        let bar = u64::from(x) * BARS.len() as u64 / u64::from(width.max(1));
        return BARS[bar as usize % BARS.len()];
    }
    let (left, right) = (seed_colour(seed, 0), seed_colour(seed, 1));
    let depth = (y - height / 3) * 255 / height.max(1);
    std::array::from_fn(|channel| {
        let (from, to) = (u32::from(left[channel]), u32::from(right[channel]));
        let mixed = (from * (width - 1 - x) + to * x) / (width - 1).max(1);
        (mixed * (255 - depth) / 255) as u8
    })
}

/// Two different bright colours for each seed.
fn seed_colour(seed: u32, side: u32) -> [u8; 3] {
    let mixed = (seed ^ side.wrapping_mul(0x9E37_79B9)).wrapping_mul(0x85EB_CA6B);
    let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0xC2B2_AE35);
    let [red, green, blue, _] = (mixed ^ (mixed >> 13)).to_le_bytes();
    [red | 0x40, green | 0x40, blue | 0x40]
}

/// A picture that is written on.
struct Card {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Card {
    /// Writes lines below the bars, as large as the longest allows, white on a black band.
    fn write(&mut self, lines: &[String]) {
        let letters = lines.iter().map(String::len).max().unwrap_or(0) as u32;
        let across = self.width / (letters * (font::WIDTH + 1) + 1).max(1);
        let down = (self.height - self.height / 3) / (lines.len() as u32 * (font::HEIGHT + 2)).max(1);
        let dot = across.min(down).max(1);
        for (number, line) in lines.iter().enumerate() {
            let top = self.height / 3 + dot * (1 + number as u32 * (font::HEIGHT + 2));
            self.write_line(line, dot, top);
        }
    }

    fn write_line(&mut self, line: &str, dot: u32, top: u32) {
        let length = line.len() as u32 * (font::WIDTH + 1) + 1;
        self.fill(0, top.saturating_sub(dot), length * dot, (font::HEIGHT + 2) * dot, [0, 0, 0]);
        for (number, letter) in line.chars().enumerate() {
            let left = dot * (1 + number as u32 * (font::WIDTH + 1));
            for (x, y) in (0..font::WIDTH).flat_map(|x| (0..font::HEIGHT).map(move |y| (x, y))) {
                if font::has_dot(letter, x, y) {
                    self.fill(left + x * dot, top + y * dot, dot, dot, [255, 255, 255]);
                }
            }
        }
    }

    /// Fills a rectangle, as far as it lies on the card.
    fn fill(&mut self, left: u32, top: u32, width: u32, height: u32, colour: [u8; 3]) {
        let right = (left + width).min(self.width);
        for y in top..(top + height).min(self.height) {
            for x in left..right {
                let at = (y as usize * self.width as usize + x as usize) * 3;
                if let Some(place) = self.rgb.get_mut(at..at + 3) {
                    place.copy_from_slice(&colour);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_spec_gives_the_same_bytes_and_another_seed_gives_others() {
        let card = |seed| draw(256, 128, 20, seed);
        assert_eq!(card(7), card(7));
        assert_ne!(card(7).rgb, card(8).rgb);
        assert_eq!(card(7).rgb.len(), 256 * 128 * 3);
    }

    #[test]
    fn every_size_that_the_front_door_allows_can_be_drawn_and_previewed() {
        for (width, height) in [(64, 64), (64, 4096), (4096, 64), (80, 1040)] {
            let card = draw(width, height, 20, 4_294_967_295);
            let jpeg = preview(&card, 1, 20).expect("a preview");
            let seen = image::load_from_memory(&jpeg).expect("a JPEG");
            assert!(seen.width() <= PREVIEW_SIDE_PX && seen.height() <= PREVIEW_SIDE_PX);
        }
    }
}
