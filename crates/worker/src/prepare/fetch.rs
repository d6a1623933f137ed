//! Fetches and decodes the pictures that a job names.

use assets::{
    AssetStore, Error,
    picture::{self, Decoded},
};
use contract::{AssetId, asset::AssetRef};

use super::{Unprepared, blocking, limits, refused};

/// The files that a job names.
pub(super) struct Files<'a> {
    pub(super) assets: &'a AssetStore,
    pub(super) inputs: &'a [AssetRef],
}

impl Files<'_> {
    /// Returns the picture of an asset.
    pub(super) async fn load(&self, id: AssetId) -> Result<Decoded, Unprepared> {
        let again = "upload the picture again, and submit the job with its new id";
        let Some(file) = self.inputs.iter().find(|file| file.id == id) else {
            return Err(refused(format!("there is no picture {id}"), again));
        };
        let bytes = match self.assets.read(&file.blake3).await {
            Ok(bytes) => bytes,
            Err(Error::NotFound(_) | Error::Damaged(_)) => {
                return Err(refused(format!("the file of the picture {id} is gone or damaged"), again));
            }
            Err(error) => {
                return Err(Unprepared::Store(
                    anyhow::Error::from(error).context(format!("could not read the picture {id}")),
                ));
            }
        };
        let decoded = blocking(move || picture::decode(&bytes, &limits())).await?;
        decoded.map_err(|error| refused(format!("the picture {id} cannot be used: {error}"), "send another picture"))
    }
}
