//! Tells what bytes are by how they begin.

use super::{Error, jpeg, png, webp};

/// What a header says, before anything is held against a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) media_type: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) frames: u32,
    /// Bytes that a decoded pixel takes.
    pub(crate) pixel_bytes: u64,
}

/// Reads the header of PNG, JPEG and WebP; everything else is refused by its name.
pub(crate) fn read_header(bytes: &[u8]) -> Result<Header, Error> {
    let header = match bytes {
        _ if bytes.starts_with(png::SIGNATURE) => png::read(bytes)?,
        [0xff, 0xd8, 0xff, ..] => jpeg::read(bytes)?,
        _ if webp::is_one(bytes) => webp::read(bytes)?,
        _ => return Err(Error::Unsupported { found: guess(bytes) }),
    };
    if header.width == 0 || header.height == 0 {
        return Err(Error::Broken { format: "picture", problem: "its width or height is 0" });
    }
    Ok(header)
}

/// What people send in place of pictures.
const OTHERS: &[(&[u8], &str)] = &[
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"\0\0\x01\0", "an icon"),
    (b"{", "JSON"),
];

fn guess(bytes: &[u8]) -> &'static str {
    if bytes.is_empty() {
        return "an empty file";
    }
    if let Some((_, name)) = OTHERS.iter().find(|(start, _)| bytes.starts_with(start)) {
        return name;
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        let is_picture = matches!(bytes.get(8..12), Some(b"avif" | b"avis" | b"heic" | b"heix" | b"mif1"));
        return if is_picture { "an AVIF or HEIC" } else { "a video" };
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    if text.starts_with(b"<") {
        let start = text.get(..1024).unwrap_or(text).to_ascii_lowercase();
        let is_svg = start.windows(4).any(|word| word == b"<svg");
        return if is_svg { "an SVG" } else { "HTML or XML" };
    }
    "something else"
}

/// Returns the big-endian number at this place.
pub(super) fn u32_be(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|number| u32::from_be_bytes(*number))
}

/// Returns the big-endian number at this place.
pub(super) fn u16_be(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|number| u16::from_be_bytes(*number))
}

/// Returns the little-endian number at this place.
pub(super) fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|number| u32::from_le_bytes(*number))
}

/// Returns the little-endian number of three bytes at this place.
pub(super) fn u24_le(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|[low, middle, high]| u32::from_le_bytes([*low, *middle, *high, 0]))
}
