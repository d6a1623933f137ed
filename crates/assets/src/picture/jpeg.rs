//! The header of a JPEG: the first frame's, which stands behind any number of other segments; and its end.

use super::{
    Error,
    header::{Header, u16_be},
};

/// The marker behind which the pixels begin.
const SCAN: u8 = 0xda;

pub(super) fn read(bytes: &[u8]) -> Result<Header, Error> {
    let mut segments = Segments::of(bytes);
    for (marker, content) in &mut segments {
        match marker {
            // A frame, of whichever coding; the three others in this range are tables.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                let (Some(height), Some(width)) = (u16_be(content, 1), u16_be(content, 3)) else {
                    return Err(broken("its frame is cut off"));
                };
                let (width, height) = (u32::from(width), u32::from(height));
                return Ok(Header { media_type: "image/jpeg", width, height, frames: 1, pixel_bytes: 4 });
            }
            SCAN => break,
            _ => {}
        }
    }
    Err(broken(segments.problem.unwrap_or("it has no frame before its pixels")))
}

fn broken(problem: &'static str) -> Error {
    Error::Broken { format: "JPEG", problem }
}

/// The segments of a JPEG with their markers, up to the pixels, or to the first that is none.
pub(crate) struct Segments<'a> {
    rest: &'a [u8],
    problem: Option<&'static str>,
}

impl<'a> Segments<'a> {
    /// Returns the segments of a whole JPEG file.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes.get(2..).unwrap_or_default(), problem: None }
    }

    fn end(&mut self, problem: &'static str) -> Option<(u8, &'a [u8])> {
        self.rest = &[];
        self.problem = Some(problem);
        None
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let [0xff, marker, tail @ ..] = self.rest else { return self.end("it has no frame") };
            match marker {
                // Fill bytes may stand before a marker.
                0xff => self.rest = self.rest.get(1..).unwrap_or_default(),
                // Markers without a length.
                0x01 | 0xd0..=0xd8 => self.rest = tail,
                0xd9 => return self.end("it has no frame before its end"),
                marker => {
                    let Some(length) = u16_be(tail, 0).filter(|length| *length >= 2).map(usize::from) else {
                        return self.end("a segment has no length");
                    };
                    // The last one may be cut off.
                    let content = tail.get(2..length).or_else(|| tail.get(2..)).unwrap_or_default();
                    self.rest = tail.get(length..).unwrap_or_default();
                    return Some((*marker, content));
                }
            }
        }
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
