//! Checks that depend on a few files only: they need not run again before one of those changes.
//!
//! What passed is kept in the folder that cargo builds into, under the name of the check: with what contents of the files,
//! and when.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use crate::{program, repository};

/// Runs a check, unless it has passed before with the same contents of these files and folders, and the same compiler.
pub(crate) fn unless_before(
    name: &str,
    depends_on: &[PathBuf],
    check: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    unless_kept(&repository::target_dir().join("passed").join(name), depends_on, check)
}

fn unless_kept(kept: &Path, depends_on: &[PathBuf], check: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut hasher = DefaultHasher::new();
    program::read(Command::new("rustc").arg("-vV"))?.hash(&mut hasher);
    depends_on.iter().try_for_each(|path| hash_files(path, &mut hasher))?;
    let contents = format!("{:016x}", hasher.finish());
    if fs::read_to_string(kept).is_ok_and(|before| before == contents) {
        println!("nothing that this depends on has changed since it passed ({})", kept.display());
        return Ok(());
    }
    check()?;
    let folder = kept.parent().context("a file without a folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(kept, contents))
        .with_context(|| format!("could not write {}", kept.display()))
}

/// Hashes the contents of a file, or of everything in a folder.
pub(crate) fn hash_files(path: &Path, hasher: &mut DefaultHasher) -> anyhow::Result<()> {
    let read = || format!("could not read {}", path.display());
    path.file_name().hash(hasher);
    if path.is_file() {
        fs::read(path).with_context(read)?.hash(hasher);
        return Ok(());
    }
    let entries = fs::read_dir(path).with_context(read)?.map(|entry| entry.map(|entry| entry.path()));
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>().with_context(read)?;
    entries.sort();
    entries.iter().try_for_each(|entry| hash_files(entry, hasher))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_runs_until_it_passes_and_again_when_a_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (kept, sources) = (folder.path().join("passed/a-check"), folder.path().join("sources"));
        let file = sources.join("below/a.lua");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "one").unwrap();
        let runs = |passes: bool| {
            let mut has_run = false;
            let ended = unless_kept(&kept, std::slice::from_ref(&sources), || {
                has_run = true;
                anyhow::ensure!(passes, "it does not hold");
                Ok(())
            });
            assert_eq!(ended.is_err(), has_run && !passes);
            has_run
        };
        assert!(runs(false) && runs(true), "what failed is no reason to skip it");
        assert!(!runs(true), "nothing has changed");
        fs::write(&file, "two").unwrap();
        assert!(runs(true) && !runs(true));
        fs::rename(&file, sources.join("below/b.lua")).unwrap();
        assert!(runs(true), "a file has another name");
    }
}
