//! Fills in what follows from other settings, so that every service derives it alike.

use std::path::{Path, PathBuf};

use url::Url;

use super::{error::Error, layers::Layers};

/// Makes folders absolute and fills in those settings that were left empty.
pub(super) fn fill_in(layers: &mut Layers) -> Result<(), Error> {
    let data_dir = absolute("data_dir", Path::new(layers.text("data_dir")))?;
    layers.derive("data_dir", text("data_dir", &data_dir)?);
    for (key, name) in [("models_dir", "models"), ("outputs_dir", "outputs")] {
        let folder = match layers.text(key) {
            "" => data_dir.join(name),
            chosen => absolute(key, Path::new(chosen))?,
        };
        layers.derive(key, text(key, &folder)?);
    }
    if layers.text("assets_url").is_empty() {
        let url = file_url("outputs_dir", Path::new(layers.text("outputs_dir")))?;
        layers.derive("assets_url", url);
    }
    if layers.text("database_url").is_empty() {
        // A path in this URL is percent-encoded as in a `file://` URL.
        let url = file_url("data_dir", &data_dir.join("atelier.db"))?.replacen("file://", "sqlite://", 1);
        layers.derive("database_url", url);
    }
    Ok(())
}

fn absolute(key: &'static str, path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|error| Error::unusable(key, format_args!("is no path: {error}")))
}

fn text(key: &'static str, path: &Path) -> Result<String, Error> {
    path.to_str().map(str::to_owned).ok_or_else(|| Error::unusable(key, "leads to a folder whose name is no Unicode"))
}

fn file_url(key: &'static str, path: &Path) -> Result<String, Error> {
    Url::from_file_path(path).map(String::from).map_err(|()| Error::unusable(key, "is no absolute path"))
}
