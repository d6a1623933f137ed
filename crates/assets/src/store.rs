//! The store of files.

mod check;
mod read;
mod results;
mod sweep;
mod thumbnail;

use std::{fmt, io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use contract::{AssetId, asset::AssetRef};
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, local::LocalFileSystem, path::Path};
use tokio::sync::Semaphore;
use url::Url;

use crate::{Error, name, picture};

pub use sweep::StoredBlob;
pub use thumbnail::{THUMBNAIL_MEDIA_TYPE, THUMBNAIL_WIDTHS_PX};

/// The store of files; cheap to clone.
#[derive(Clone)]
pub struct AssetStore {
    files: Arc<dyn ObjectStore>,
    /// The folder behind `files`: for what a store of objects has no words for.
    folder: Arc<PathBuf>,
    /// Each picture that is decoded may take half a gigabyte.
    decoding: Arc<Semaphore>,
}

impl fmt::Debug for AssetStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssetStore({})", self.folder.display())
    }
}

impl AssetStore {
    /// Opens the store at `file:///…`; the folder is made if it is not there.
    pub fn open(url: &str) -> Result<Self, Error> {
        let refuse = |problem| Error::Url { url: url.to_owned(), problem };
        let parsed = Url::parse(url).map_err(|_| refuse("it is no URL; a folder is file:///path/of/the/folder"))?;
        if parsed.scheme() != "file" {
            return Err(refuse("only folders can be used: file:///path/of/the/folder"));
        }
        let folder = parsed
            .to_file_path()
            .map_err(|()| refuse("it must have three slashes and no host: file:///path/of/the/folder"))?;
        make(&folder)
            .map_err(|error| Error::of("make the folder of the asset store", folder.display().to_string(), error))?;
        let files = LocalFileSystem::new_with_prefix(&folder)
            .map_err(|error| Error::of("open the asset store in", folder.display().to_string(), error))?
            .with_fsync(true);
        Ok(Self {
            files: Arc::new(files),
            folder: Arc::new(folder),
            decoding: Arc::new(Semaphore::new(thumbnail::DECODERS)),
        })
    }

    /// Stores bytes under their BLAKE3. The file appears only once it is whole and safe on the disk; the same bytes stored
    /// twice are one file. The id is a fresh one each time.
    pub async fn put(&self, media_type: &str, bytes: Bytes) -> Result<AssetRef, Error> {
        let hash = blake3::hash(&bytes).to_hex().to_string();
        let size_bytes = bytes.len() as u64;
        let header = picture::read_header(&bytes).ok();
        // Written even if it is there already: only then is it certainly on the disk, and young in the eyes of the sweep.
        self.write("store", &name::blob(&hash)?, bytes.into()).await?;
        Ok(AssetRef {
            id: AssetId::new(),
            blake3: hash,
            media_type: media_type.to_owned(),
            size_bytes,
            width: header.map(|header| header.width),
            height: header.map(|header| header.height),
        })
    }

    /// Writes, reads and deletes a small file: whether the store can be used right now.
    pub async fn probe(&self) -> Result<(), Error> {
        let place = Path::from(format!("probe-{}", AssetId::new()));
        let written = Bytes::copy_from_slice(place.as_ref().as_bytes());
        self.write("write a test file", &place, written.clone().into()).await?;
        let read = async { self.files.get(&place).await?.bytes().await }.await;
        self.delete(&place).await?;
        let read = read.map_err(|error| Error::of("read the test file", self.place(&place), error))?;
        if read != written {
            return Err(Error::Damaged(place.to_string()));
        }
        Ok(())
    }

    async fn write(&self, action: &'static str, path: &Path, bytes: PutPayload) -> Result<(), Error> {
        match self.files.put(path, bytes).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::of(action, self.place(path), error)),
        }
    }

    /// Deletes what may be gone already.
    async fn delete(&self, path: &Path) -> Result<(), Error> {
        match self.files.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Error::of("delete", self.place(path), error)),
        }
    }

    /// Returns where a person finds this.
    fn place(&self, path: &Path) -> String {
        self.local(path).display().to_string()
    }

    fn local(&self, path: &Path) -> PathBuf {
        path.parts().fold(self.folder.to_path_buf(), |folder, part| folder.join(part.as_ref()))
    }
}

/// Makes a folder that survives a power cut, as what is stored in it later does.
fn make(folder: &std::path::Path) -> io::Result<()> {
    let Some(parent) = folder.parent().filter(|_| !folder.is_dir()) else { return Ok(()) };
    make(parent)?;
    std::fs::create_dir_all(folder)?;
    std::fs::File::open(parent)?.sync_all()
}
