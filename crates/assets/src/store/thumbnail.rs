//! Thumbnails: made when first asked for, kept in the store, and made again if they are lost.

use bytes::Bytes;
use object_store::ObjectStoreExt as _;

use super::AssetStore;
use crate::{Error, name, picture};

/// The widths that thumbnails come in.
pub const THUMBNAIL_WIDTHS_PX: [u32; 4] = [160, 320, 640, 1024];

/// What a thumbnail is. WebP would be smaller, but its encoder here knows only the lossless form, which is larger.
pub const THUMBNAIL_MEDIA_TYPE: &str = "image/jpeg";

/// How many pictures are decoded at one time.
pub(super) const DECODERS: usize = 2;

impl AssetStore {
    /// Returns a small JPEG of a picture, in one of [`THUMBNAIL_WIDTHS_PX`]. A smaller picture keeps its size.
    pub async fn thumbnail(&self, blake3: &str, width_px: u32) -> Result<Bytes, Error> {
        if !THUMBNAIL_WIDTHS_PX.contains(&width_px) {
            return Err(Error::Width(width_px));
        }
        let path = name::thumbnail(blake3, width_px)?;
        match async { self.files.get(&path).await?.bytes().await }.await {
            Ok(bytes) => return Ok(bytes),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(Error::of("read", self.place(&path), error)),
        }
        let bytes = self.shrink(blake3, width_px).await?;
        self.write("keep the thumbnail", &path, bytes.clone().into()).await?;
        Ok(bytes)
    }

    async fn shrink(&self, blake3: &str, width_px: u32) -> Result<Bytes, Error> {
        let failed = |error| Error::of("make a thumbnail of", blake3, error);
        let _turn = self.decoding.acquire().await.map_err(|error| failed(error.into()))?;
        let bytes = self.read(blake3).await?;
        let shrunk = tokio::task::spawn_blocking(move || picture::shrink(&bytes, width_px)).await;
        let jpeg = shrunk.map_err(|error| failed(Box::<dyn std::error::Error + Send + Sync>::from(error)))?;
        jpeg.map(Bytes::from).map_err(|source| Error::Picture { blake3: blake3.to_owned(), source })
    }
}
