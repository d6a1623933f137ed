//! Whether a picture is one to its end. Blocks: call it where that is allowed.

use super::{Error, Limits, PictureHeader, inspect, jpeg, shrink::decode};

/// Decodes a picture and lets go of it again; of an animation, the first frame. Returns what its header says.
pub(crate) fn check(bytes: &[u8], limits: &Limits) -> Result<PictureHeader, Error> {
    let header = inspect(bytes, limits)?;
    // The decoder makes up what is missing of a JPEG.
    if header.media_type == "image/jpeg" && !jpeg::has_end(bytes) {
        return Err(Error::Broken { format: "JPEG", problem: "it is cut off" });
    }
    decode(bytes, limits).map_err(Error::Decode)?;
    Ok(header)
}
