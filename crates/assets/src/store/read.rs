//! Reads files: whole and checked, in part, or piece by piece for those who serve them.

use std::{io, ops::Range};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{GetOptions, GetResultPayload, ObjectStore as _, ObjectStoreExt as _};
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _},
};
use tokio_util::io::ReaderStream;

use super::AssetStore;
use crate::{Error, name};

/// How much of a file is in memory for each client that it is sent to.
const PIECE_BYTES: usize = 64 << 10;

impl AssetStore {
    /// Returns a whole file, after comparing it with its name.
    pub async fn read(&self, blake3: &str) -> Result<Bytes, Error> {
        self.size(blake3).await?;
        let path = name::blob(blake3)?;
        let bytes =
            async { self.files.get(&path).await?.bytes().await }.await.map_err(|error| self.not_read(blake3, error))?;
        if blake3::hash(&bytes).to_hex().as_str() != blake3 {
            return Err(Error::Damaged(blake3.to_owned()));
        }
        Ok(bytes)
    }

    /// Returns a part of a file, which must lie within it.
    pub async fn read_range(&self, blake3: &str, range: Range<u64>) -> Result<Bytes, Error> {
        check(&range, self.size(blake3).await?)?;
        let path = name::blob(blake3)?;
        self.files.get_range(&path, range).await.map_err(|error| self.not_read(blake3, error))
    }

    /// Returns a file, or a part of it, piece by piece. A file that is deleted meanwhile is still read to its end.
    pub async fn stream(
        &self,
        blake3: &str,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        let size_bytes = self.size(blake3).await?;
        if let Some(range) = &range {
            check(range, size_bytes)?;
        }
        let range = range.unwrap_or(0..size_bytes);
        let path = name::blob(blake3)?;
        let found = self.files.get_opts(&path, GetOptions::default()).await;
        let place = self.place(&path);
        match found.map_err(|error| self.not_read(blake3, error))?.payload {
            GetResultPayload::File(file, _) => {
                let mut file = File::from_std(file);
                file.seek(io::SeekFrom::Start(range.start)).await.map_err(|error| Error::of("read", &place, error))?;
                let pieces = ReaderStream::with_capacity(file.take(range.end - range.start), PIECE_BYTES);
                Ok(pieces.map_err(move |error| Error::of("read", &place, error)).boxed())
            }
            GetResultPayload::Stream(_) => Err(Error::of("read", &place, "a folder has no such files; this is a bug")),
        }
    }

    /// Returns whether the file is there.
    pub async fn exists(&self, blake3: &str) -> Result<bool, Error> {
        Ok(self.find_size(blake3).await?.is_some())
    }

    /// Returns how many bytes the file has; none if it is not there.
    pub async fn find_size(&self, blake3: &str) -> Result<Option<u64>, Error> {
        let path = name::blob(blake3)?;
        // A link in place of a file is nothing that was stored here, wherever it leads to.
        match tokio::fs::symlink_metadata(self.local(&path)).await {
            Ok(found) if found.is_file() => Ok(Some(found.len())),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::of("look for", self.place(&path), error)),
        }
    }

    async fn size(&self, blake3: &str) -> Result<u64, Error> {
        self.find_size(blake3).await?.ok_or_else(|| Error::NotFound(blake3.to_owned()))
    }

    fn not_read(&self, blake3: &str, error: object_store::Error) -> Error {
        match (error, name::blob(blake3)) {
            (object_store::Error::NotFound { .. }, _) => Error::NotFound(blake3.to_owned()),
            (error, Ok(path)) => Error::of("read", self.place(&path), error),
            (_, Err(error)) => error,
        }
    }
}

fn check(range: &Range<u64>, size_bytes: u64) -> Result<(), Error> {
    if range.start < range.end && range.end <= size_bytes {
        return Ok(());
    }
    Err(Error::Range { start: range.start, end: range.end, size_bytes })
}
