//! Where things are: the repository, the caches, the folder with the data of a running server.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::Context;

/// Returns the root of the repository that this tool box was built from.
pub(crate) fn root() -> PathBuf {
    let manifest =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// Returns the folder for what is slow to make and named by its version: `~/.cache/atelier`.
pub(crate) fn cache_dir() -> anyhow::Result<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set, so there is no place for caches")?;
    Ok(base.join("atelier"))
}

/// Returns the folder that cargo builds into.
pub(crate) fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR").map(PathBuf::from) {
        Some(path) if path.is_absolute() => path,
        Some(path) => root().join(path),
        None => root().join("target"),
    }
}

/// Returns the data folder that a user chose with `ATELIER_DATA_DIR`, or `data` in the repository. Always absolute.
pub(crate) fn data_dir() -> anyhow::Result<PathBuf> {
    let chosen = env::var_os("ATELIER_DATA_DIR").filter(|value| !value.is_empty()).map(PathBuf::from);
    let path = chosen.unwrap_or_else(|| root().join("data"));
    std::path::absolute(&path).with_context(|| format!("{} cannot be made an absolute path", path.display()))
}
