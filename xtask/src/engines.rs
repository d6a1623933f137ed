//! The engines that are built from C++: slow to build, so each is built once per version and kept.
//!
//! What comes out is kept in `~/.cache/atelier/engines` under a name that says from what, for all checkouts, and a link in the
//! folder that cargo builds into points at the one of this checkout.

mod features;
mod llama;
mod sd;

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, ensure};

pub(crate) use features::Feature;
pub(crate) use llama::llama_server;
pub(crate) use sd::{check_sd_engine, sd_engine};

use crate::{program, repository};

/// Builds of one engine that are kept, of this checkout and others.
const KEPT: usize = 8;

/// Builds both engines and says where they are.
pub(crate) fn build_all() -> anyhow::Result<()> {
    println!("{}", sd_engine()?.display());
    println!("{}", llama_server()?.display());
    Ok(())
}

/// Fails with the first of these programs that is not there, and with the package of Debian and Ubuntu that has it.
fn must_have(engine: &str, tools: &[(&str, &str)]) -> anyhow::Result<()> {
    for (tool, package) in tools {
        ensure!(program::find(tool).is_some(), "{engine} is built with {tool}: run `apt-get install {package}`");
    }
    Ok(())
}

/// Returns the folder in which the builds of an engine are kept.
fn kept_dir(engine: &str) -> anyhow::Result<PathBuf> {
    Ok(repository::cache_dir()?.join("engines").join(engine))
}

/// Copies a build to where it is kept; it appears there whole, and the oldest ones go.
fn keep(built: &Path, binary: &Path) -> anyhow::Result<()> {
    let folder = binary.parent().context("a build without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    let partial = binary.with_extension(format!("{}.new", std::process::id()));
    fs::copy(built, &partial)
        .and_then(|_| fs::rename(&partial, binary))
        .with_context(|| format!("could not copy {} to {}", built.display(), binary.display()))?;
    forget_old(folder)
}

/// Removes all but the latest builds.
fn forget_old(kept: &Path) -> anyhow::Result<()> {
    let age = |path: &PathBuf| path.metadata().and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let entries = fs::read_dir(kept).with_context(|| format!("could not read {}", kept.display()))?;
    let mut builds: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    builds.sort_by_key(age);
    for build in builds.iter().rev().skip(KEPT) {
        fs::remove_file(build).with_context(|| format!("could not remove {}", build.display()))?;
    }
    Ok(())
}

/// Points `name` in the folder that cargo builds into at this build: the tests of this checkout look for it there.
fn point_at(binary: &Path, name: &str) -> anyhow::Result<()> {
    let link = repository::target_dir().join(name);
    let fresh_link = link.with_extension("new");
    let _ = fs::remove_file(&fresh_link);
    fs::create_dir_all(repository::target_dir())
        .and_then(|()| std::os::unix::fs::symlink(binary, &fresh_link))
        .and_then(|()| fs::rename(&fresh_link, &link))
        .with_context(|| format!("could not point {} at {name}", link.display()))
}
