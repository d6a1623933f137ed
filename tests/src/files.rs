//! Files below a folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lists every file below a folder. What vanishes meanwhile is not listed.
#[must_use]
pub fn below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}
