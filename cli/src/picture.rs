//! Pictures on the command line: the path of a file of this machine, or the id of a stored one.

use std::path::Path;

use contract::AssetId;

use crate::client::{Client, Error};

/// Returns the id of a picture; a file is uploaded first.
pub(crate) async fn find_or_upload(client: &Client, text: &str) -> Result<AssetId, Error> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let path = Path::new(text);
    let read = tokio::fs::read(path).await;
    let bytes = read.map_err(|source| Error::File { action: "read", path: path.to_owned(), source })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(client.upload(name, bytes).await?.file.id)
}
