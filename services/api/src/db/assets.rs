//! Assets: which stored files there are, which job made them, and from what.

use contract::{
    AssetId, JobId,
    asset::{Asset, AssetRef},
    page::Page,
};
use time::OffsetDateTime;

use super::{Cursor, Db, Error};

/// A stored file on its way into the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAsset {
    /// The file.
    pub file: AssetRef,
    /// The job that made it; none for uploads.
    pub job_id: Option<JobId>,
    /// The assets that it was made from.
    pub parents: Vec<AssetId>,
    /// Whose it is: the id of the key, or empty without keys.
    pub owner: String,
    /// When it was stored.
    pub created_at: OffsetDateTime,
}

impl Db {
    /// Puts a file on record.
    pub async fn insert_asset(&self, _new: &NewAsset) -> Result<(), Error> {
        todo!()
    }

    /// Returns a file's record.
    pub async fn find_asset(&self, _id: AssetId) -> Result<Option<Asset>, Error> {
        todo!()
    }

    /// Lists files, newest first.
    pub async fn list_assets(&self, _after: Option<Cursor>, _limit: u32) -> Result<Page<Asset>, Error> {
        todo!()
    }

    /// Returns whether any asset has these bytes.
    pub async fn is_blob_used(&self, _blake3: &str) -> Result<bool, Error> {
        todo!()
    }
}
