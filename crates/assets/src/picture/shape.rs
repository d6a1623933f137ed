//! Brings pictures to another shape: cut, drawn out, or fitted into a size.

use contract::spec::{image_to_image::Fit, inpaint::Margins};

use super::{Pixels, resample};

/// Returns a part of a picture. What would lie outside of it is left out.
#[must_use]
pub fn crop(pixels: &Pixels, left: u32, top: u32, width: u32, height: u32) -> Pixels {
    let (left, top) = (left.min(pixels.width), top.min(pixels.height));
    let (width, height) = (width.min(pixels.width - left), height.min(pixels.height - top));
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for y in top..top + height {
        let at = (y as usize * pixels.width as usize + left as usize) * 3;
        rgb.extend_from_slice(pixels.rgb.get(at..at + width as usize * 3).unwrap_or_default());
    }
    Pixels { width, height, rgb }
}

/// Returns a larger picture: this one, and around it the colours of its edges.
#[must_use]
pub fn draw_out(pixels: &Pixels, margins: Margins) -> Pixels {
    let width = margins.left + pixels.width + margins.right;
    let height = margins.top + pixels.height + margins.bottom;
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    let stride = (pixels.width as usize * 3).max(1);
    for y in 0..height {
        let from = y.saturating_sub(margins.top).min(pixels.height.saturating_sub(1)) as usize;
        let row = pixels.rgb.get(from * stride..(from + 1) * stride).unwrap_or_default();
        let (Some(first), Some(last)) = (row.first_chunk::<3>(), row.last_chunk::<3>()) else { continue };
        rgb.extend(std::iter::repeat_n(first, margins.left as usize).flatten());
        rgb.extend_from_slice(row);
        rgb.extend(std::iter::repeat_n(last, margins.right as usize).flatten());
    }
    Pixels { width, height, rgb }
}

/// Returns a picture in exactly this size.
#[must_use]
pub fn fit(pixels: &Pixels, width: u32, height: u32, fit: Fit) -> Pixels {
    // Sides in proportion, rounded: `a` is to `of` as the result is to `to`.
    let scaled = |a: u32, of: u32, to: u32| {
        let of = u64::from(of).max(1);
        u32::try_from((u64::from(a) * u64::from(to) + of / 2) / of).unwrap_or(u32::MAX).max(1)
    };
    let is_wider = u64::from(pixels.width) * u64::from(height) > u64::from(width) * u64::from(pixels.height);
    match fit {
        Fit::Stretch => resample(pixels, width, height),
        Fit::Crop => {
            let (wide, high) = if is_wider {
                (scaled(pixels.height, height, width).min(pixels.width), pixels.height)
            } else {
                (pixels.width, scaled(pixels.width, width, height).min(pixels.height))
            };
            let part = crop(pixels, (pixels.width - wide) / 2, (pixels.height - high) / 2, wide, high);
            resample(&part, width, height)
        }
        Fit::Pad => {
            let (wide, high) = if is_wider {
                (width, scaled(pixels.height, pixels.width, width).min(height))
            } else {
                (scaled(pixels.width, pixels.height, height).min(width), height)
            };
            let (left, top) = ((width - wide) / 2, (height - high) / 2);
            let margins = Margins { left, top, right: width - wide - left, bottom: height - high - top };
            draw_out(&resample(pixels, wide, high), margins)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row, a number a pixel.
    fn row(colours: &[u8]) -> Pixels {
        let rgb = colours.iter().flat_map(|colour| [*colour; 3]).collect();
        Pixels { width: colours.len() as u32, height: 1, rgb }
    }

    #[test]
    fn the_edges_are_drawn_out_to_all_sides() {
        let drawn = draw_out(&row(&[1, 2]), Margins { left: 2, top: 1, right: 1, bottom: 0 });
        assert_eq!(drawn, Pixels { width: 5, height: 2, rgb: row(&[1, 1, 1, 2, 2, 1, 1, 1, 2, 2]).rgb });
    }

    #[test]
    fn a_part_is_cut_out_and_never_more_than_there_is() {
        assert_eq!(crop(&row(&[1, 2, 3, 4]), 1, 0, 2, 1), row(&[2, 3]));
        assert_eq!(crop(&row(&[1, 2, 3, 4]), 3, 0, 9, 9), row(&[4]));
        assert!(crop(&row(&[1]), 5, 5, 1, 1).rgb.is_empty());
    }

    #[test]
    fn every_fit_gives_exactly_the_size_and_only_stretching_bends() {
        let mut bars = row(&[0, 0, 255, 255, 255, 255, 0, 0]);
        bars.rgb = bars.rgb.repeat(4);
        bars.height = 4;
        for way in [Fit::Crop, Fit::Stretch, Fit::Pad] {
            for (width, height) in [(4, 4), (16, 2), (2, 16), (1, 1), (8, 4)] {
                let fitted = fit(&bars, width, height, way);
                assert_eq!((fitted.width, fitted.height), (width, height));
                assert_eq!(fitted.rgb.len(), (width * height * 3) as usize);
            }
        }
        // Cropped to the middle, everything is white; stretched, the black bars are still there.
        assert!(fit(&bars, 4, 4, Fit::Crop).rgb.iter().all(|colour| *colour == 255));
        assert_eq!(fit(&bars, 8, 8, Fit::Stretch).rgb[..3], [0; 3]);
        // Padded below and above with the edges, it is as wide as before.
        let padded = fit(&bars, 8, 8, Fit::Pad);
        assert_eq!(padded.rgb[..24], bars.rgb[..24]);
        assert_eq!(padded.rgb[7 * 24..], bars.rgb[..24]);
    }
}
