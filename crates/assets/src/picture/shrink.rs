//! Makes a small JPEG of a picture. Blocks: call it where that is allowed.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder as _, ImageReader, Rgb, RgbImage, codecs::jpeg::JpegEncoder};

use super::{Error, Limits, inspect};

const QUALITY: u8 = 85;
/// A strip is cut down to this many times its width, so that no thumbnail is larger than the picture is wide.
const TALLEST: u32 = 4;

/// Returns a JPEG that is at most this wide.
pub(crate) fn shrink(bytes: &[u8], width_px: u32) -> Result<Vec<u8>, Error> {
    let limits = Limits::default();
    inspect(bytes, &limits)?;
    let picture = decode(bytes, &limits).map_err(Error::Decode)?;
    let tallest_px = width_px.saturating_mul(TALLEST);
    let small = if picture.width() <= width_px && picture.height() <= tallest_px {
        picture
    } else {
        picture.thumbnail(width_px, tallest_px)
    };
    let (width, height) = (small.width(), small.height());
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode_image(&on_white(small))
        .map_err(|error| Error::Encode { width, height, source: error.into() })?;
    Ok(jpeg)
}

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> image::ImageResult<DynamicImage> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut memory = image::Limits::default();
    memory.max_alloc = Some(limits.decoded_bytes);
    reader.limits(memory.clone());
    let mut decoder = reader.into_decoder()?;
    memory.reserve(decoder.total_bytes())?;
    // Photographs say how they were held. Where they do not, or in words that nobody knows, they stand upright.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// JPEG knows no transparency, and what shines through is white rather than whatever colour hid there.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0;
        let mix = |colour: u8| {
            let mixed = u16::from(colour) * u16::from(alpha) + 255 * (255 - u16::from(alpha));
            u8::try_from(mixed / 255).unwrap_or(u8::MAX)
        };
        Rgb([mix(red), mix(green), mix(blue)])
    })
}
