//! Pictures: what an upload is, by its header alone; their pixels, upright; other sizes and shapes; the files that jobs make.

mod decode;
mod encode;
mod header;
mod jpeg;
mod mask;
mod png;
mod resample;
mod shape;
mod shrink;
mod webp;
mod whole;

pub use decode::{Decoded, decode};
pub use encode::{encode, encode_png, longest_side_px};
pub(crate) use header::read_header;
pub(crate) use jpeg::Segments;
pub use resample::{resample, resample_with};
pub use shape::{crop, draw_out, fit};
pub(crate) use shrink::shrink;
pub(crate) use webp::{Chunks as WebpChunks, is_one as is_webp};
pub(crate) use whole::check;

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

/// A decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// 8-bit RGB, rows from the top: `width * height * 3` bytes.
    pub rgb: Vec<u8>,
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

/// Why a picture is refused. The sentences are for those who sent it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is something else.
    #[error("this is {found}, not a picture that can be used: send PNG, JPEG or WebP")]
    Unsupported {
        /// What it looks like.
        found: &'static str,
    },
    /// It begins like a picture and goes on like none.
    #[error("this {format} is broken: {problem}")]
    Broken {
        /// What it begins like.
        format: &'static str,
        /// Where it ends to be one.
        problem: &'static str,
    },
    /// It is too large.
    #[error("this picture has {width} × {height} = {} pixels, and the limit is {limit}", u64::from(*width) * u64::from(*height))]
    TooManyPixels {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
        /// How many there may be.
        limit: u64,
    },
    /// It is too long.
    #[error("this picture has {frames} frames, and the limit is {limit}")]
    TooManyFrames {
        /// How many it has.
        frames: u32,
        /// How many there may be.
        limit: u32,
    },
    /// It would take too much memory.
    #[error("this picture takes {decoded_bytes} bytes once it is decoded, and the limit is {limit}")]
    TooLarge {
        /// How many it takes.
        decoded_bytes: u64,
        /// How many there may be.
        limit: u64,
    },
    /// Its header is fine, the rest is not.
    #[error("this picture cannot be decoded")]
    Decode(#[source] image::ImageError),
    /// The format has no room for so many pixels.
    #[error("{format} has at most {limit_px} pixels a side, and this picture has {width} × {height}: choose png")]
    TooLong {
        /// The name of the format.
        format: &'static str,
        /// The width.
        width: u32,
        /// The height.
        height: u32,
        /// The longest side of the format.
        limit_px: u32,
    },
    /// Pixels could not be made a picture.
    #[error("could not encode {width} × {height} pixels")]
    Encode {
        /// The width.
        width: u32,
        /// The height.
        height: u32,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Reads the header of an upload and holds it against the limits. Nothing is decoded.
pub fn inspect(bytes: &[u8], limits: &Limits) -> Result<PictureHeader, Error> {
    let header = read_header(bytes)?;
    let pixels = u64::from(header.width) * u64::from(header.height);
    if pixels > limits.pixels {
        return Err(Error::TooManyPixels { width: header.width, height: header.height, limit: limits.pixels });
    }
    if header.frames > limits.frames {
        return Err(Error::TooManyFrames { frames: header.frames, limit: limits.frames });
    }
    let decoded_bytes = pixels.saturating_mul(header.pixel_bytes).saturating_mul(u64::from(header.frames));
    if decoded_bytes > limits.decoded_bytes {
        return Err(Error::TooLarge { decoded_bytes, limit: limits.decoded_bytes });
    }
    Ok(PictureHeader {
        media_type: header.media_type,
        width: header.width,
        height: header.height,
        frames: header.frames,
    })
}
