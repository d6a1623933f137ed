//! Writes the files that jobs make: PNG, JPEG and WebP, with what they say about themselves.

mod jpeg;
mod png;
mod webp;

use contract::spec::{Output, output::Format};

use super::{Error, Pixels};
use crate::metadata::Text;

pub use self::png::encode_png;

/// Returns the longest side that files of a format can have.
#[must_use]
pub fn longest_side_px(format: Format) -> u32 {
    match format {
        Format::Png => 0x7fff_ffff,
        Format::Jpeg => 65_535,
        Format::Webp => 16_383,
    }
}

/// Returns a file of these pixels with these texts in it, unless none are wanted.
///
/// In JPEG and WebP, `parameters` is the user comment of the EXIF, where A1111 writes and reads it, and our own JSON is in
/// the XMP. A text that has no room in a JPEG (64 KB) is left out.
pub fn encode(pixels: &Pixels, output: &Output, texts: &[Text]) -> Result<Vec<u8>, Error> {
    let Pixels { width, height, ref rgb } = *pixels;
    let failed = |source| Error::Encode { width, height, source };
    // Some encoders multiply without looking.
    let expected = u64::from(width).checked_mul(u64::from(height)).and_then(|pixels| pixels.checked_mul(3));
    if expected != Some(rgb.len() as u64) {
        return Err(failed(format!("{} bytes are not that many pixels", rgb.len()).into()));
    }
    let limit_px = longest_side_px(output.format);
    if width.max(height) > limit_px {
        let format = output.format.media_type().trim_start_matches("image/");
        return Err(Error::TooLong { format, width, height, limit_px });
    }
    let texts = if output.strip_metadata { &[] } else { texts };
    match output.format {
        Format::Png => encode_png(rgb, width, height, texts),
        Format::Jpeg => jpeg::encode(pixels, output.quality, texts).map_err(|error| failed(error.into())),
        Format::Webp => webp::encode(pixels, output.quality, texts).map_err(failed),
    }
}
