//! The header of a JPEG: the first frame's, which stands behind any number of other segments; and its end.

use super::{
    Error,
    header::{Header, u16_be},
};

pub(super) fn read(bytes: &[u8]) -> Result<Header, Error> {
    let broken = |problem| Error::Broken { format: "JPEG", problem };
    let mut rest = bytes.get(2..).unwrap_or_default();
    loop {
        let [0xff, marker, tail @ ..] = rest else { return Err(broken("it has no frame")) };
        rest = match marker {
            // Fill bytes may stand before a marker.
            0xff => rest.get(1..).unwrap_or_default(),
            // Markers without a length.
            0x01 | 0xd0..=0xd8 => tail,
            0xd9 | 0xda => return Err(broken("it has no frame before its pixels")),
            // A frame, of whichever coding; the three others in this range are tables.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let (Some(height), Some(width)) = (u16_be(tail, 3), u16_be(tail, 5)) else {
                    return Err(broken("its frame is cut off"));
                };
                let (width, height) = (u32::from(width), u32::from(height));
                return Ok(Header { media_type: "image/jpeg", width, height, frames: 1, pixel_bytes: 4 });
            }
            _ => {
                let length = u16_be(tail, 0).filter(|length| *length >= 2);
                let length = length.ok_or_else(|| broken("a segment has no length"))?;
                tail.get(usize::from(length)..).unwrap_or_default()
            }
        };
    }
}

/// Returns whether the pixels come to their end: only then a decoder has not made some of them up.
pub(super) fn has_end(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    let mut has_pixels = false;
    loop {
        // Behind a scan stand its pixels, in which 0xff is followed by 0 or by the number of a restart.
        let Some(at) = rest.iter().position(|byte| *byte == 0xff) else { return false };
        let [_, marker, tail @ ..] = rest.get(at..).unwrap_or_default() else { return false };
        rest = match marker {
            0xd9 => return has_pixels,
            0xff => rest.get(at + 1..).unwrap_or_default(),
            0x00 | 0x01 | 0xd0..=0xd8 => tail,
            _ => {
                has_pixels |= *marker == 0xda;
                let length = u16_be(tail, 0).map_or(2, usize::from);
                tail.get(length..).unwrap_or_default()
            }
        };
    }
}
