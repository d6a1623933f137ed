//! The header of a PNG: the first chunk, and how many frames an animated one has.

use super::{
    Error,
    header::{Header, u32_be},
};

pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

const CHUNK_HEAD_BYTES: usize = 8;
const CHECKSUM_BYTES: usize = 4;

pub(super) fn read(bytes: &[u8]) -> Result<Header, Error> {
    let broken = |problem| Error::Broken { format: "PNG", problem };
    let mut chunks = Chunks(bytes.get(SIGNATURE.len()..).unwrap_or_default());
    let Some((b"IHDR", header)) = chunks.next() else { return Err(broken("it does not begin with its header")) };
    let (Some(width), Some(height), Some(depth)) = (u32_be(header, 0), u32_be(header, 4), header.get(8)) else {
        return Err(broken("its header is too short"));
    };
    // What an animation says of itself and what it has may differ; a decoder may believe either.
    let (mut said, mut found) = (1, 0_u32);
    for (name, content) in chunks {
        match name {
            b"acTL" => said = said.max(u32_be(content, 0).unwrap_or_default()),
            b"fcTL" => found = found.saturating_add(1),
            _ => {}
        }
    }
    let pixel_bytes = if *depth == 16 { 8 } else { 4 };
    Ok(Header { media_type: "image/png", width, height, frames: said.max(found), pixel_bytes })
}

/// The chunks of a PNG, up to the first that is not whole.
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = (&'a [u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::try_from(u32_be(self.0, 0)?).ok()?;
        let name = self.0.get(4..)?.first_chunk()?;
        let end = CHUNK_HEAD_BYTES.checked_add(length)?;
        let content = self.0.get(CHUNK_HEAD_BYTES..end)?;
        self.0 = self.0.get(end.checked_add(CHECKSUM_BYTES)?..).unwrap_or_default();
        Some((name, content))
    }
}
