//! Decodes pictures: upright, as 8-bit RGB, within limits. Blocks: call it where that is allowed.
//!
//! Whatever a file holds becomes the same thing: 16 bits become 8, grey and palettes become RGB, and CMYK becomes RGB as
//! browsers show it (inverted inks, no colour profile). Of an animation it is the first frame.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder as _, ImageReader, metadata::Orientation};

use super::{Error, Limits, Pixels, inspect, jpeg};

/// A picture out of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The picture, upright. What shines through is white, rather than whatever colour hides there.
    pub pixels: Pixels,
    /// How opaque each pixel is, where not all of them are.
    pub alpha: Option<Vec<u8>>,
}

/// Returns the pixels of a PNG, JPEG or WebP.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Decoded, Error> {
    let header = inspect(bytes, limits)?;
    // The decoder makes up what is missing of a JPEG.
    if header.media_type == "image/jpeg" && !jpeg::has_end(bytes) {
        return Err(Error::Broken { format: "JPEG", problem: "it is cut off" });
    }
    let picture = decode_upright(bytes, limits).map_err(Error::Decode)?;
    let (width, height) = (picture.width(), picture.height());
    if !picture.color().has_alpha() {
        return Ok(Decoded { pixels: Pixels { width, height, rgb: picture.into_rgb8().into_raw() }, alpha: None });
    }
    let rgba = picture.into_rgba8().into_raw();
    let mut rgb = Vec::with_capacity(rgba.len() / 4 * 3);
    let mut alpha = Vec::with_capacity(rgba.len() / 4);
    for [red, green, blue, opaque] in rgba.as_chunks().0 {
        rgb.extend([red, green, blue].map(|colour| on_white(*colour, *opaque)));
        alpha.push(*opaque);
    }
    let is_opaque = alpha.iter().all(|opaque| *opaque == u8::MAX);
    Ok(Decoded { pixels: Pixels { width, height, rgb }, alpha: (!is_opaque).then_some(alpha) })
}

fn decode_upright(bytes: &[u8], limits: &Limits) -> image::ImageResult<DynamicImage> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut memory = image::Limits::default();
    memory.max_alloc = Some(limits.decoded_bytes);
    reader.limits(memory.clone());
    let mut decoder = reader.into_decoder()?;
    memory.reserve(decoder.total_bytes())?;
    // Photographs say how they were held. Where they do not, or in words that nobody knows, they stand upright.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn on_white(colour: u8, opaque: u8) -> u8 {
    let mixed = u16::from(colour) * u16::from(opaque) + 255 * (255 - u16::from(opaque));
    u8::try_from(mixed / 255).unwrap_or(u8::MAX)
}
