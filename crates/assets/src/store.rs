//! The store of files.

use std::ops::Range;

use bytes::Bytes;
use contract::{JobId, asset::AssetRef, result::JobResult};
use futures::stream::BoxStream;
use time::OffsetDateTime;

use crate::Error;

/// The widths that thumbnails come in.
pub const THUMBNAIL_WIDTHS_PX: [u32; 4] = [160, 320, 640, 1024];

/// What a thumbnail is.
pub const THUMBNAIL_MEDIA_TYPE: &str = "image/jpeg";

/// The store of files; cheap to clone.
#[derive(Debug, Clone)]
pub struct AssetStore;

/// A stored file as the sweep sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its name.
    pub blake3: String,
    /// How many bytes.
    pub size_bytes: u64,
    /// When it was stored last.
    pub modified_at: OffsetDateTime,
}

impl AssetStore {
    /// Opens the store at `file:///…`; the folder is made if it is not there.
    pub fn open(_url: &str) -> Result<Self, Error> {
        todo!()
    }

    /// Stores bytes under their BLAKE3. The file appears only once it is whole and safe on the disk.
    pub async fn put(&self, _media_type: &str, _bytes: Bytes) -> Result<AssetRef, Error> {
        todo!()
    }

    /// Returns a whole file.
    pub async fn read(&self, _blake3: &str) -> Result<Bytes, Error> {
        todo!()
    }

    /// Returns a part of a file.
    pub async fn read_range(&self, _blake3: &str, _range: Range<u64>) -> Result<Bytes, Error> {
        todo!()
    }

    /// Returns a file, or a part of it, piece by piece.
    pub async fn stream(
        &self,
        _blake3: &str,
        _range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        todo!()
    }

    /// Returns a small JPEG of a picture, made once and kept.
    pub async fn thumbnail(&self, _blake3: &str, _width_px: u32) -> Result<Bytes, Error> {
        todo!()
    }

    /// Returns the file's size, or none if it is not there.
    pub async fn find_size(&self, _blake3: &str) -> Result<Option<u64>, Error> {
        todo!()
    }

    /// Returns whether the file is there.
    pub async fn exists(&self, _blake3: &str) -> Result<bool, Error> {
        todo!()
    }

    /// Deletes a file and its thumbnails. It is no error if it is not there.
    pub async fn delete_blob(&self, _blake3: &str) -> Result<(), Error> {
        todo!()
    }

    /// Returns every stored file, in no order. For the sweep.
    pub fn list_blobs(&self) -> BoxStream<'static, Result<StoredBlob, Error>> {
        todo!()
    }

    /// Deletes what was left half written before this time; returns how many files.
    pub async fn delete_partial(&self, _before: OffsetDateTime) -> Result<u64, Error> {
        todo!()
    }

    /// Writes the result of an attempt. Once this returns, the result survives a power cut.
    pub async fn write_result(&self, _job: JobId, _token: &str, _result: &JobResult) -> Result<(), Error> {
        todo!()
    }

    /// Returns a result that an attempt left behind: whole, readable, with all its files.
    pub async fn find_result(&self, _job: JobId) -> Result<Option<JobResult>, Error> {
        todo!()
    }

    /// Deletes the results of every attempt of a job. The files stay.
    pub async fn delete_results(&self, _job: JobId) -> Result<(), Error> {
        todo!()
    }

    /// Returns the jobs that have results here.
    pub async fn list_result_jobs(&self) -> Result<Vec<JobId>, Error> {
        todo!()
    }

    /// Writes, reads and deletes a small file: whether the store can be used right now.
    pub async fn probe(&self) -> Result<(), Error> {
        todo!()
    }
}
