//! Looking at a picture to its end before it is stored.

use bytes::Bytes;

use super::AssetStore;
use crate::picture::{self, Error, Limits, PictureHeader};

impl AssetStore {
    /// Decodes a picture that somebody wants to store, and returns what its header says. Nothing is stored.
    pub async fn check_picture(&self, bytes: Bytes, limits: Limits) -> Result<PictureHeader, Error> {
        // Nobody closes the semaphore; a picture more at one time would do no harm either.
        let _turn = self.decoding.acquire().await;
        let checked = tokio::task::spawn_blocking(move || picture::check(&bytes, &limits)).await;
        // A decoder that gave up in its own way.
        checked.unwrap_or(Err(Error::Broken { format: "picture", problem: "it cannot be decoded" }))
    }
}
