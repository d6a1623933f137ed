//! What becomes of pictures once they are painted: pixels that must stay are put back, and sizes are made exact.

use assets::picture::{Pixels, crop, resample};

use crate::engine::{EngineError, Picture};

/// What becomes of pictures once they are made.
#[derive(Debug, PartialEq)]
pub(crate) enum Completion {
    /// They are what was asked for.
    Nothing,
    /// They are brought to a size.
    Resample {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// What must stay is put back.
    Composite(Composite),
}

/// A picture that is painted anew in parts.
#[derive(Debug, PartialEq)]
pub(crate) struct Composite {
    /// How it was.
    pub(crate) original: Pixels,
    /// How much of what is new counts, a byte a pixel: at 0 the original stays exactly, at 255 nothing is left of it.
    pub(crate) mask: Vec<u8>,
}

impl Completion {
    /// Completes pictures. Takes its time: call it where that is allowed.
    pub(crate) fn complete(&self, pictures: Vec<Picture>) -> Result<Vec<Picture>, EngineError> {
        pictures.into_iter().map(|picture| self.complete_one(picture)).collect()
    }

    fn complete_one(&self, picture: Picture) -> Result<Picture, EngineError> {
        let seed = picture.seed;
        let painted = Pixels { width: picture.width, height: picture.height, rgb: picture.rgb };
        let pixels = match self {
            Self::Nothing => painted,
            Self::Resample { width, height } => resample(&painted, *width, *height),
            Self::Composite(composite) => composite.put_back(&painted)?,
        };
        Ok(Picture { width: pixels.width, height: pixels.height, rgb: pixels.rgb, seed })
    }
}

impl Composite {
    /// Returns what is new laid over what was.
    fn put_back(&self, painted: &Pixels) -> Result<Pixels, EngineError> {
        let Pixels { width, height, rgb } = &self.original;
        let new = crop(painted, 0, 0, *width, *height);
        if (new.width, new.height) != (*width, *height) {
            let message = format!(
                "the engine painted {} × {} pixels where at least {width} × {height} were asked for",
                painted.width, painted.height
            );
            return Err(EngineError::Engine { message });
        }
        let pixels = rgb.as_chunks::<3>().0.iter().zip(new.rgb.as_chunks::<3>().0).zip(&self.mask);
        let mixed =
            pixels.flat_map(|((old, new), share)| [0, 1, 2].map(|colour| mix(old[colour], new[colour], *share)));
        Ok(Pixels { width: *width, height: *height, rgb: mixed.collect() })
    }
}

fn mix(old: u8, new: u8, share: u8) -> u8 {
    let share = u32::from(share);
    let mixed = (u32::from(new) * share + u32::from(old) * (255 - share) + 127) / 255;
    u8::try_from(mixed).unwrap_or(u8::MAX)
}

/// Makes the edges of a mask soft, over so many pixels, inwards: what stays, stays.
pub(crate) fn soften(mut mask: Vec<u8>, width: u32, blur_px: u32) -> Vec<u8> {
    if blur_px == 0 {
        return mask;
    }
    let whole = (blur_px + 1) * ACROSS;
    let distances = distances(&mask, width as usize);
    for (place, distance) in mask.iter_mut().zip(distances) {
        let share = u32::from(*place) * distance.min(whole) / whole;
        *place = u8::try_from(share).unwrap_or(u8::MAX);
    }
    mask
}

/// The distance to the next pixel in a row or a column.
const ACROSS: u32 = 3;
/// The distance to the next pixel in a corner: 4 to 3 is close to the root of 2.
const CORNER: u32 = 4;

/// Returns how far each pixel lies from the next one that stays.
fn distances(mask: &[u8], width: usize) -> Vec<u32> {
    const FAR: u32 = u32::MAX / 2;
    let mut distances: Vec<u32> = mask.iter().map(|place| if *place == 0 { 0 } else { FAR }).collect();
    if width == 0 {
        return distances;
    }
    // Once from the top and once from the bottom, each looking at the neighbours that the pass has been through already.
    for place in 0..distances.len() {
        let (x, behind) = (place % width, place.checked_sub(1));
        let above = |step: usize| place.checked_sub(width).and_then(|above| (above + step).checked_sub(1));
        nearer(
            &mut distances,
            place,
            [
                (behind.filter(|_| x > 0), ACROSS),
                (above(1), ACROSS),
                (above(0).filter(|_| x > 0), CORNER),
                (above(2).filter(|_| x + 1 < width), CORNER),
            ],
        );
    }
    for place in (0..distances.len()).rev() {
        let (x, below) = (place % width, place + width);
        nearer(
            &mut distances,
            place,
            [
                (Some(place + 1).filter(|_| x + 1 < width), ACROSS),
                (Some(below), ACROSS),
                (Some(below - 1).filter(|_| x > 0), CORNER),
                (Some(below + 1).filter(|_| x + 1 < width), CORNER),
            ],
        );
    }
    distances
}

/// Shortens the distance of a place to what it is by way of its neighbours.
fn nearer(distances: &mut [u32], place: usize, neighbours: [(Option<usize>, u32); 4]) {
    let by_way = neighbours.into_iter().filter_map(|(at, step)| Some(distances.get(at?)?.saturating_add(step))).min();
    if let (Some(distance), Some(by_way)) = (distances.get_mut(place), by_way) {
        *distance = by_way.min(*distance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soft_edge_lies_within_the_mask_and_leads_from_nothing_to_all() {
        let hard: Vec<u8> = (0..40 * 40).map(|place| if place % 40 < 10 { 0 } else { 255 }).collect();
        let soft = soften(hard.clone(), 40, 8);
        for (row_hard, row_soft) in hard.chunks(40).zip(soft.chunks(40)) {
            assert!(row_hard.iter().zip(row_soft).all(|(hard, soft)| soft <= hard));
            assert!(row_soft.is_sorted());
            assert!(row_soft[10] > 0 && row_soft[10] < 60);
            // The edge of the picture is no edge of the mask.
            assert!(row_soft[18..].iter().all(|place| *place == 255));
        }
        assert_eq!(soften(hard.clone(), 40, 0), hard);
        assert_eq!(soften(vec![255; 9], 3, 256), [255; 9]);
    }

    #[test]
    fn at_nothing_the_old_stays_and_at_all_the_new_comes() {
        for old in 0..=255 {
            for new in [0, 1, 127, 254, 255] {
                assert_eq!((mix(old, new, 0), mix(old, new, 255)), (old, new));
            }
        }
    }
}
