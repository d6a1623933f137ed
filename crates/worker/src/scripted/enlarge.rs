//! A larger picture without any model.

use assets::picture::Pixels;

use crate::engine::Picture;

/// Returns the picture with a square for each pixel, so many times as wide and high.
pub(crate) fn by_squares(image: &Pixels, factor: f64) -> Picture {
    let larger = |side: u32| ((f64::from(side) * factor).round() as u32).max(1);
    let (width, height) = (larger(image.width), larger(image.height));
    let from = |place: u32, side: u32, all: u32| (u64::from(place) * u64::from(side) / u64::from(all)) as usize;
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        let row = from(y, image.height, height) * image.width as usize;
        for x in 0..width {
            let at = (row + from(x, image.width, width)) * 3;
            rgb.extend_from_slice(image.rgb.get(at..at + 3).unwrap_or(&[0; 3]));
        }
    }
    Picture { width, height, rgb, seed: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pixel_becomes_a_square() {
        let image = Pixels { width: 2, height: 1, rgb: vec![1, 2, 3, 7, 8, 9] };
        let twice = by_squares(&image, 2.0);
        assert_eq!((twice.width, twice.height), (4, 2));
        assert_eq!(twice.rgb, [[1, 2, 3, 1, 2, 3, 7, 8, 9, 7, 8, 9]; 2].concat());
        let odd = by_squares(&image, 1.5);
        assert_eq!((odd.width, odd.height, odd.rgb.len()), (3, 2, 18));
    }
}
