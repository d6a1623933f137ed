//! The header of a WebP: lossy, lossless, or extended with any number of frames.

use super::{
    Error,
    header::{Header, u24_le, u32_le},
};

const CHUNK_HEAD_BYTES: usize = 8;

pub(crate) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")
}

pub(super) fn read(bytes: &[u8]) -> Result<Header, Error> {
    let broken = |problem| Error::Broken { format: "WebP", problem };
    let mut canvas = None;
    let mut frames = 0_u32;
    for (name, content) in Chunks::of(bytes) {
        let size = match name {
            b"VP8X" if canvas.is_none() => {
                canvas = extended(content);
                canvas
            }
            b"VP8 " => lossy(content),
            b"VP8L" => lossless(content),
            b"ANMF" => frame(content),
            _ => continue,
        };
        let size = size.ok_or_else(|| broken("a header is cut off"))?;
        // A picture that is larger than its canvas would be decoded all the same.
        match canvas {
            None => return Ok(header(size, 1)),
            Some(canvas) if size.0 > canvas.0 || size.1 > canvas.1 => return Err(broken("a frame is larger than all")),
            Some(_) => frames = frames.saturating_add(u32::from(name == b"ANMF")),
        }
    }
    canvas.map(|canvas| header(canvas, frames.max(1))).ok_or_else(|| broken("it has no picture"))
}

fn header((width, height): (u32, u32), frames: u32) -> Header {
    Header { media_type: "image/webp", width, height, frames, pixel_bytes: 4 }
}

fn extended(content: &[u8]) -> Option<(u32, u32)> {
    Some((u24_le(content, 4)? + 1, u24_le(content, 7)? + 1))
}

fn frame(content: &[u8]) -> Option<(u32, u32)> {
    Some((u24_le(content, 6)? + 1, u24_le(content, 9)? + 1))
}

fn lossy(content: &[u8]) -> Option<(u32, u32)> {
    let sizes = u32_le(content, 6).filter(|_| content.get(3..6) == Some(b"\x9d\x01\x2a"))?;
    Some((sizes & 0x3fff, (sizes >> 16) & 0x3fff))
}

fn lossless(content: &[u8]) -> Option<(u32, u32)> {
    let sizes = u32_le(content, 1).filter(|_| content.first() == Some(&0x2f))?;
    Some(((sizes & 0x3fff) + 1, ((sizes >> 14) & 0x3fff) + 1))
}

/// The chunks of a RIFF file; the last one may be cut off, as its content is of no interest.
pub(crate) struct Chunks<'a>(&'a [u8]);

impl<'a> Chunks<'a> {
    /// Returns the chunks of a whole WebP file.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes.get(12..).unwrap_or_default())
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.0.first_chunk()?;
        let length = usize::try_from(u32_le(self.0, 4)?).ok()?;
        let rest = self.0.get(CHUNK_HEAD_BYTES..)?;
        // Chunks of an odd length are filled up by one byte.
        self.0 = rest.get(length.checked_add(length % 2)?..).unwrap_or_default();
        Some((name, rest.get(..length).unwrap_or(rest)))
    }
}
