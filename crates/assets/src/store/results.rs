//! What attempts made, written before the queue is told, so that a worker that dies in between has not worked in vain.
//!
//! The token of the attempt is in the name: two attempts of one job never write the same file.

use bytes::Bytes;
use contract::{JobId, result::JobResult};
use object_store::{ObjectStore as _, ObjectStoreExt as _, path::Path};
use tracing::warn;

use super::AssetStore;
use crate::{Error, name};

impl AssetStore {
    /// Writes the result of an attempt. Once this returns, the result survives a power cut.
    pub async fn write_result(&self, job: JobId, token: &str, result: &JobResult) -> Result<(), Error> {
        let path = name::result(job, token)?;
        let json = serde_json::to_vec(result).map_err(|error| Error::of("write", self.place(&path), error))?;
        self.write("write the result", &path, json.into()).await
    }

    /// Returns a result that an attempt left behind: whole, readable, with all its files. The oldest, if there are several.
    pub async fn find_result(&self, job: JobId) -> Result<Option<JobResult>, Error> {
        let mut found = Vec::new();
        for attempt in self.children(&name::results(job)).await? {
            let path = attempt.clone().join("result.json");
            match self.files.get(&path).await {
                Ok(file) => found.push((file.meta.last_modified, attempt, file.bytes().await)),
                // An attempt that wrote no result; the rest of it is not here.
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(Error::of("read", self.place(&path), error)),
            }
        }
        found.sort_by_key(|(modified_at, ..)| *modified_at);
        for (_, attempt, bytes) in found {
            let bytes = bytes.map_err(|error| Error::of("read the result in", self.place(&attempt), error))?;
            if let Some(result) = self.usable(&attempt, &bytes).await? {
                return Ok(Some(result));
            }
        }
        Ok(None)
    }

    /// Deletes the results of every attempt of a job. The files that they name stay.
    pub async fn delete_results(&self, job: JobId) -> Result<(), Error> {
        let folder = self.local(&name::results(job));
        match tokio::fs::remove_dir_all(&folder).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::of("delete the results in", folder.display().to_string(), error))
            }
            _ => Ok(()),
        }
    }

    /// Returns the jobs that have results here, or had some.
    pub async fn list_result_jobs(&self) -> Result<Vec<JobId>, Error> {
        let folders = self.children(&Path::from(name::OUTPUTS)).await?;
        Ok(folders.iter().filter_map(|folder| folder.filename()?.parse().ok()).collect())
    }

    async fn children(&self, folder: &Path) -> Result<Vec<Path>, Error> {
        match self.files.list_with_delimiter(Some(folder)).await {
            Ok(list) => Ok(list.common_prefixes),
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(Error::of("list", self.place(folder), error)),
        }
    }

    async fn usable(&self, attempt: &Path, json: &Bytes) -> Result<Option<JobResult>, Error> {
        let result: JobResult = match serde_json::from_slice(json) {
            Ok(result) => result,
            Err(error) => {
                warn!("the result in {attempt} cannot be read and is passed over: {error}");
                return Ok(None);
            }
        };
        for asset in &result.assets {
            let is_whole = match self.find_size(&asset.blake3).await {
                Ok(size_bytes) => size_bytes == Some(asset.size_bytes),
                Err(Error::Name { .. }) => false,
                Err(error) => return Err(error),
            };
            if !is_whole {
                warn!(asset.id = %asset.id, "the result in {attempt} names a file that is not there, and is passed over");
                return Ok(None);
            }
        }
        Ok(Some(result))
    }
}
