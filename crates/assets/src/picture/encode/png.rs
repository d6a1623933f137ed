//! Writes PNG.

use png::{
    BitDepth, ColorType, Compression, Encoder,
    text_metadata::{ITXtChunk, TEXtChunk},
};

use crate::{metadata::Text, picture::Error};

/// Returns a PNG of these pixels (8-bit RGB, rows from the top) with these texts in it.
pub fn encode_png(rgb: &[u8], width: u32, height: u32, texts: &[Text]) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Encode { width, height, source };
    // The encoder multiplies without looking.
    let expected = u64::from(width).checked_mul(u64::from(height)).and_then(|pixels| pixels.checked_mul(3));
    if expected != Some(rgb.len() as u64) {
        return Err(failed(format!("{} bytes are not that many pixels", rgb.len()).into()));
    }
    encode(rgb, width, height, texts).map_err(|error| failed(error.into()))
}

fn encode(rgb: &[u8], width: u32, height: u32, texts: &[Text]) -> Result<Vec<u8>, png::EncodingError> {
    let mut png = Vec::with_capacity(rgb.len() / 2);
    let mut encoder = Encoder::new(&mut png, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    // Of 1024 × 1024 photograph-like pixels, on one core: no compression 20 ms and 3073 KB, fastest 68 ms and 1631 KB, fast
    // 81 ms and 1553 KB, balanced (the default) 350 ms and 1537 KB.
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header()?;
    for Text { keyword, text } in texts {
        // A text chunk ends at its first NUL.
        let text = text.replace('\0', "");
        if text.chars().all(is_latin_1) {
            writer.write_text_chunk(&TEXtChunk::new(keyword, text))?;
        } else {
            writer.write_text_chunk(&ITXtChunk::new(keyword, text))?;
        }
    }
    writer.write_image_data(rgb)?;
    writer.finish()?;
    Ok(png)
}

/// Returns whether a `tEXt` chunk may hold this: the printable part of Latin-1, and the line's end.
fn is_latin_1(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='ÿ')
}
