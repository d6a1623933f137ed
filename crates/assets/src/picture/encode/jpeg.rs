//! Writes JPEG.

use image::{ExtendedColorType, ImageEncoder as _, ImageResult, codecs::jpeg::JpegEncoder};

use crate::{
    metadata::{Text, exif, xmp},
    picture::Pixels,
};

/// The marker of segments of applications.
const APP1: [u8; 2] = [0xff, 0xe1];
/// The most that a segment holds beside its own length.
const MOST_BYTES: usize = 65_533;

pub(super) fn encode(pixels: &Pixels, quality: u8, texts: &[Text]) -> ImageResult<Vec<u8>> {
    let mut jpeg = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, quality.clamp(1, 100));
    encoder.write_image(&pixels.rgb, pixels.width, pixels.height, ExtendedColorType::Rgb8)?;
    let exif = exif::write(texts).map(|exif| [exif::JPEG_NAME, &exif].concat());
    let xmp = xmp::write(texts).map(|xmp| [xmp::JPEG_NAME, xmp.as_bytes()].concat());
    let segments: Vec<u8> = exif
        .into_iter()
        .chain(xmp)
        .filter(|content| content.len() <= MOST_BYTES)
        .flat_map(|content| {
            let length = u16::try_from(content.len() + 2).unwrap_or(u16::MAX).to_be_bytes();
            [&APP1[..], &length, &content].concat()
        })
        .collect();
    let place = behind_head(&jpeg);
    jpeg.splice(place..place, segments);
    Ok(jpeg)
}

/// Returns where segments may be put: behind the one of JFIF, which must be the first.
fn behind_head(jpeg: &[u8]) -> usize {
    match jpeg {
        [_, _, 0xff, 0xe0, high, low, ..] => 4 + usize::from(u16::from_be_bytes([*high, *low])),
        _ => 2,
    }
}
