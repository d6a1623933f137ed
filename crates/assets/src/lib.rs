//! Files that jobs make or take: content-addressed, whole or not at all, with thumbnails.

mod error;
pub mod metadata;
pub mod picture;
mod store;

pub use error::Error;
pub use store::{AssetStore, StoredBlob, THUMBNAIL_MEDIA_TYPE, THUMBNAIL_WIDTHS_PX};
