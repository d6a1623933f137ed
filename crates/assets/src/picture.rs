//! Pictures: what an upload is, by its header alone, and the PNG files that jobs make.

use crate::metadata::Text;

/// How large a picture may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Width times height.
    pub pixels: u64,
    /// Bytes of all frames once they are decoded.
    pub decoded_bytes: u64,
    /// Frames of an animation.
    pub frames: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pixels: 64_000_000, decoded_bytes: 512 << 20, frames: 100 }
    }
}

/// What a picture's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureHeader {
    /// `image/png`, `image/jpeg` or `image/webp`: what the bytes are, whatever their name says.
    pub media_type: &'static str,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames; 1 unless it is an animation.
    pub frames: u32,
}

/// Why a picture is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {}

/// Reads the header of an upload. Nothing is decoded.
pub fn inspect(_bytes: &[u8], _limits: &Limits) -> Result<PictureHeader, Error> {
    todo!()
}

/// Returns a PNG of these pixels (8-bit RGB, rows from the top) with these texts in it.
pub fn encode_png(_rgb: &[u8], _width: u32, _height: u32, _texts: &[Text]) -> Result<Vec<u8>, Error> {
    todo!()
}
