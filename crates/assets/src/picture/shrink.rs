//! Makes a small JPEG of a picture. Blocks: call it where that is allowed.

use image::{DynamicImage, RgbImage, codecs::jpeg::JpegEncoder};

use super::{Decoded, Error, Limits, decode};

const QUALITY: u8 = 85;
/// A strip is cut down to this many times its width, so that no thumbnail is larger than the picture is wide.
const TALLEST: u32 = 4;

/// Returns a JPEG that is at most this wide.
pub(crate) fn shrink(bytes: &[u8], width_px: u32) -> Result<Vec<u8>, Error> {
    let Decoded { pixels, .. } = decode(bytes, &Limits::default())?;
    let (width, height) = (pixels.width, pixels.height);
    let failed = |source| Error::Encode { width, height, source };
    let picture = RgbImage::from_raw(width, height, pixels.rgb)
        .ok_or_else(|| failed("the pixels are not as many as its size says; this is a bug".into()))?;
    let tallest_px = width_px.saturating_mul(TALLEST);
    let small = if width <= width_px && height <= tallest_px {
        picture
    } else {
        DynamicImage::from(picture).thumbnail(width_px, tallest_px).into_rgb8()
    };
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&small).map_err(|error| failed(error.into()))?;
    Ok(jpeg)
}
