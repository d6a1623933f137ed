//! Finds what may be a model, by name alone.

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use tracing::debug;

use super::sidecar::{self, Writer};

/// Models that jobs can name lie below this folder; parts of models lie beside it.
pub(super) const FOLDER: &str = "checkpoints";

/// What models may end in, in the order in which one name is given away.
/// A description stands last: other programs keep notes of their own in a `.json` beside a model.
const MODELS: &[&str] = &["safetensors", "gguf", "json"];
/// What else may end in. Pickles are found, so that it can be said why they are refused.
const ADD_ONS: &[&str] = &["safetensors", "gguf", "pth", "pt", "ckpt", "bin"];

const DEEPEST: usize = 16;

/// What was found, by id.
pub(super) type Models = BTreeMap<String, Found>;

/// Something that may be a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A model in one file.
    File(PathBuf),
    /// A description of a model in several files.
    Sidecar(PathBuf),
}

/// Returns what may be a model below a folder; nothing if the folder is not there.
pub(super) fn scan(folder: &Path) -> io::Result<Models> {
    let mut models = Models::new();
    for Named { name, id, path } in named(folder, MODELS)? {
        if has_ending(&path, "json") {
            let is_description = match sidecar::writer(&path) {
                Writer::Us => true,
                Writer::AnotherProgram => false,
                // Alone it is a description gone wrong; beside a model it is nothing.
                Writer::Nobody => !models.contains_key(&id),
            };
            if is_description {
                models.insert(id, Found::Sidecar(path));
            }
        } else if models.contains_key(&id) {
            models.insert(name, Found::File(path));
        } else {
            models.insert(id, Found::File(path));
        }
    }
    Ok(models)
}

/// Returns what may add to a model below a folder, by id; nothing if the folder is not there.
pub(super) fn scan_add_ons(folder: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    for Named { name, id, path } in named(folder, ADD_ONS)? {
        let key = if files.contains_key(&id) { name } else { id };
        files.insert(key, path);
    }
    Ok(files)
}

/// A file below a folder.
pub(super) struct Named {
    /// Its path below the folder.
    pub(super) name: String,
    /// The same without the ending.
    pub(super) id: String,
    pub(super) path: PathBuf,
}

/// Returns the files below a folder that have one of these endings; none if the folder is not there.
/// In this order the first of a name has it, and a later one is called by its whole name.
pub(super) fn named(folder: &Path, endings: &[&str]) -> io::Result<Vec<Named>> {
    let mut paths = Vec::new();
    match walk(folder, endings, DEEPEST, &mut HashSet::new(), &mut paths) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    }
    paths.sort_by_cached_key(|path| (rank(path, endings), path.clone()));
    let named = paths.into_iter().filter_map(|path| {
        let Some(name) = path.strip_prefix(folder).ok().and_then(Path::to_str).map(str::to_owned) else {
            debug!("{} is passed over: its name is no Unicode", path.display());
            return None;
        };
        let id = name.rsplit_once('.').map_or(name.as_str(), |(id, _)| id).to_owned();
        Some(Named { name, id, path })
    });
    Ok(named.collect())
}

/// Returns whether a name has this ending, in capitals or not.
pub(super) fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

fn rank(path: &Path, endings: &[&str]) -> Option<usize> {
    endings.iter().position(|ending| has_ending(path, ending))
}

fn walk(
    folder: &Path,
    endings: &[&str],
    depth: usize,
    seen: &mut HashSet<(u64, u64)>,
    paths: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let found = fs::metadata(folder)?;
    // Links to folders are followed, since models are large and live on other disks; each folder is visited once.
    if depth == 0 || !seen.insert((found.dev(), found.ino())) {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_hidden {
            continue;
        }
        // What vanishes meanwhile, or leads nowhere, is not there.
        let Ok(found) = fs::metadata(&path) else { continue };
        if found.is_dir() {
            if let Err(error) = walk(&path, endings, depth - 1, seen, paths) {
                debug!("{} is passed over: {error}", path.display());
            }
        } else if rank(&path, endings).is_some() {
            paths.push(path);
        }
    }
    Ok(())
}
