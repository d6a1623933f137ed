//! Files that jobs make or take: content-addressed, whole or not at all, with thumbnails.
//!
//! ```text
//! blobs/ab/abcd…                      a file, named by the BLAKE3 of its bytes
//! outputs/<job>/<token>/result.json   what an attempt made, written before anybody is told
//! thumbnails/abcd…-320                made when first asked for; may be deleted at any time
//! ```
//! Clients never name a path: a file is 64 hex digits, a job is a UUID, and everything else is refused here once more.

mod error;
pub mod metadata;
mod name;
pub mod picture;
mod store;

pub use error::Error;
pub use store::{AssetStore, StoredBlob, THUMBNAIL_MEDIA_TYPE, THUMBNAIL_WIDTHS_PX};
