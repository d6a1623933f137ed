//! Whether a picture is one to its end. Blocks: call it where that is allowed.

use super::{Error, Limits, PictureHeader, decode, inspect};

/// Decodes a picture and lets go of it again; of an animation, the first frame. Returns what its header says.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<PictureHeader, Error> {
    decode(bytes, limits)?;
    inspect(bytes, limits)
}
