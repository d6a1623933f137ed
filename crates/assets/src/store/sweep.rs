//! What the sweep needs: to see every file, and to delete those that nobody names.

use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{ObjectMeta, ObjectStore as _};
use time::OffsetDateTime;

use super::{AssetStore, THUMBNAIL_WIDTHS_PX};
use crate::{Error, name};

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
    /// Returns every stored file, in no order.
    #[must_use]
    pub fn list_blobs(&self) -> BoxStream<'static, Result<StoredBlob, Error>> {
        let place = self.folder.join(name::BLOBS).display().to_string();
        let files = self.files.list(Some(&name::BLOBS.into()));
        let blobs = files.map_err(move |error| Error::of("list", &place, error));
        blobs.try_filter_map(async |file| Ok(stored_blob(&file))).boxed()
    }

    /// Deletes a file and its thumbnails. It is no error if they are not there.
    pub async fn delete_blob(&self, blake3: &str) -> Result<(), Error> {
        for width_px in THUMBNAIL_WIDTHS_PX {
            self.delete(&name::thumbnail(blake3, width_px)?).await?;
        }
        self.delete(&name::blob(blake3)?).await
    }

    /// Deletes a file that a list showed, unless the same bytes were stored again since. Returns whether it did.
    pub async fn delete_unchanged(&self, listed: &StoredBlob) -> Result<bool, Error> {
        let path = self.local(&name::blob(&listed.blake3)?);
        let modified = match tokio::fs::symlink_metadata(&path).await.and_then(|found| found.modified()) {
            Ok(modified) => modified,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::of("look for", path.display().to_string(), error)),
        };
        if OffsetDateTime::from(modified) != listed.modified_at {
            return Ok(false);
        }
        self.delete_blob(&listed.blake3).await?;
        Ok(true)
    }

    /// Deletes what writers that died left half written before this time. Returns how many files.
    pub async fn delete_partial(&self, before: OffsetDateTime) -> Result<u64, Error> {
        let folder = self.folder.to_path_buf();
        let before = SystemTime::from(before);
        tokio::task::spawn_blocking(move || {
            delete_partial_in(&folder, before)
                .map_err(|error| Error::of("delete half-written files in", folder.display().to_string(), error))
        })
        .await
        .map_err(|error| Error::of("delete half-written files in", self.folder.display().to_string(), error))?
    }
}

fn stored_blob(file: &ObjectMeta) -> Option<StoredBlob> {
    let blake3 = file.location.filename().filter(|name| name::is_hash(name))?.to_owned();
    let since_epoch = Duration::from_nanos(file.last_modified.timestamp_nanos_opt()?.try_into().ok()?);
    Some(StoredBlob { blake3, size_bytes: file.size, modified_at: OffsetDateTime::UNIX_EPOCH + since_epoch })
}

fn delete_partial_in(folder: &Path, before: SystemTime) -> io::Result<u64> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // Somebody else may delete what was just listed.
        let Ok(found) = entry.metadata() else { continue };
        if found.is_dir() {
            count += match delete_partial_in(&entry.path(), before) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
                other => other?,
            };
        } else if is_partial(&entry.file_name().to_string_lossy()) && found.modified()? < before {
            fs::remove_file(entry.path())?;
            count += 1;
        }
    }
    Ok(count)
}

/// Returns whether the store gave this name to a file that is being written: the later name, `#` and a number.
fn is_partial(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}
