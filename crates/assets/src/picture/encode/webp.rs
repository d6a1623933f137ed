//! Writes WebP: lossy by libwebp, lossless at the best quality.

use std::error::Error;

use image::{ExtendedColorType, codecs::webp::WebPEncoder};
use webp::Encoder;

use crate::{
    metadata::{Text, exif, xmp},
    picture::Pixels,
};

/// The quality that is lossless.
const LOSSLESS: u8 = 100;
const HAS_XMP: u8 = 0x04;
const HAS_EXIF: u8 = 0x08;
/// What stands before the first chunk.
const HEAD_BYTES: usize = 12;

pub(super) fn encode(pixels: &Pixels, quality: u8, texts: &[Text]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let Pixels { width, height, ref rgb } = *pixels;
    let plain = if quality >= LOSSLESS {
        let mut plain = Vec::new();
        WebPEncoder::new_lossless(&mut plain).encode(rgb, width, height, ExtendedColorType::Rgb8)?;
        plain
    } else {
        let encoded = Encoder::from_rgb(rgb, width, height).encode_simple(false, f32::from(quality));
        encoded.map_err(|error| format!("libwebp says {error:?}"))?.to_vec()
    };
    let (exif, xmp) = (exif::write(texts), xmp::write(texts));
    if exif.is_none() && xmp.is_none() {
        return Ok(plain);
    }
    // The plain form has no room for texts: the extended one begins with a chunk that says what follows.
    let flags = exif.as_ref().map_or(0, |_| HAS_EXIF) | xmp.as_ref().map_or(0, |_| HAS_XMP);
    let side = |pixels: u32| pixels.saturating_sub(1).to_le_bytes();
    let [w0, w1, w2, _] = side(width);
    let [h0, h1, h2, _] = side(height);
    let mut chunks = chunk(*b"VP8X", &[flags, 0, 0, 0, w0, w1, w2, h0, h1, h2]);
    chunks.extend_from_slice(plain.get(HEAD_BYTES..).unwrap_or_default());
    chunks.extend(exif.iter().flat_map(|exif| chunk(*b"EXIF", exif)));
    chunks.extend(xmp.iter().flat_map(|xmp| chunk(*b"XMP ", xmp.as_bytes())));
    let length = u32::try_from(chunks.len() + 4)?.to_le_bytes();
    Ok([b"RIFF", &length[..], b"WEBP", &chunks].concat())
}

/// Returns a chunk, filled up to an even length.
fn chunk(name: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes();
    let filling: &[u8] = if content.len() % 2 == 1 { &[0] } else { &[] };
    [&name[..], &length, content, filling].concat()
}
