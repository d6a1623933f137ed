//! Previews for people: small JPEGs, not more than people can see.

use std::time::{Duration, Instant};

use bytes::Bytes;
use image::{ImageError, RgbImage, codecs::jpeg::JpegEncoder, imageops};

/// The longest side.
const SIDE_PX: u32 = 512;
/// Good enough for a picture that is not finished.
const QUALITY: u8 = 75;
/// Between two previews.
const PAUSE: Duration = Duration::from_millis(200);

/// Lets a preview through now and then: making a JPEG of each would take time from fast engines.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    latest: Option<Instant>,
}

impl Throttle {
    /// Returns whether it is time for a preview, and if so counts it.
    pub(super) fn lets_through(&mut self, now: Instant) -> bool {
        let is_time = self.latest.is_none_or(|latest| now.saturating_duration_since(latest) >= PAUSE);
        if is_time {
            self.latest = Some(now);
        }
        is_time
    }
}

/// Returns the JPEG of 8-bit RGB pixels, made smaller if they are many.
pub(super) fn encode(width: u32, height: u32, rgb: Vec<u8>) -> Result<Bytes, ImageError> {
    let Some(picture) = RgbImage::from_raw(width, height, rgb) else {
        let kind = image::error::ParameterErrorKind::DimensionMismatch;
        return Err(ImageError::Parameter(image::error::ParameterError::from_kind(kind)));
    };
    let longest = width.max(height);
    let picture = if longest > SIDE_PX {
        let scaled = |side: u32| (u64::from(side) * u64::from(SIDE_PX) / u64::from(longest)).max(1);
        let side = |side| u32::try_from(scaled(side)).unwrap_or(SIDE_PX);
        imageops::thumbnail(&picture, side(width), side(height))
    } else {
        picture
    };
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&picture)?;
    Ok(jpeg.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn size(jpeg: &[u8]) -> (u32, u32) {
        let picture = image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg).unwrap();
        (picture.width(), picture.height())
    }

    #[test]
    fn a_preview_is_never_larger_than_people_need() {
        assert_eq!(size(&encode(8, 8, vec![7; 192]).unwrap()), (8, 8));
        assert_eq!(size(&encode(1024, 16, vec![7; 1024 * 16 * 3]).unwrap()), (512, 8));
        assert_eq!(size(&encode(16, 4096, vec![7; 4096 * 16 * 3]).unwrap()), (2, 512));
        assert!(encode(8, 8, vec![7; 100]).is_err());
    }

    #[test]
    fn five_previews_a_second_are_let_through() {
        let begin = Instant::now();
        let mut throttle = Throttle::default();
        let shown =
            (0..100_u32).filter(|step| throttle.lets_through(begin + Duration::from_millis(10) * *step)).count();
        assert_eq!(shown, 5);
    }
}
