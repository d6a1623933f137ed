//! The engines that are built from C++: slow to build, so each is built once per version and kept.
//!
//! What comes out is kept in `~/.cache/atelier/engines` under a name that says from what, for all checkouts, and links in the
//! folder that cargo builds into point at those of this checkout: `sd-engine-cuda`, `sd-engine-cpu`. The workers try them.

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
pub(crate) use sd::check_sd_engine;

use crate::{program, repository};

/// Builds of one engine that are kept, of this checkout and others.
const KEPT: usize = 8;

/// What the engines are built for.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A build for each of these: cuda, metal, vulkan, cpu; or `auto` for what this machine has what it takes to build for.
    #[arg(long, env = "ATELIER_ENGINE_FEATURES")]
    features: Option<String>,
}

/// Builds both engines for what was asked for, and says where they are.
pub(crate) fn build_asked(options: &Options) -> anyhow::Result<()> {
    build_all(&Feature::in_words(options.features.as_deref().unwrap_or_default())?)
}

/// Builds both engines for what was chosen, and says where they are.
pub(crate) fn build_chosen() -> anyhow::Result<()> {
    build_all(&Feature::chosen()?)
}

fn build_all(features: &[Feature]) -> anyhow::Result<()> {
    for binary in sd::builds(features)?.into_iter().chain(llama::builds(features)?) {
        println!("{}", binary.display());
    }
    Ok(())
}

/// Builds sd-engine for what was chosen, and returns the path of the best.
pub(crate) fn sd_engine() -> anyhow::Result<PathBuf> {
    sd::builds(&Feature::chosen()?)?.into_iter().next().context("sd-engine was built for nothing; this is a bug")
}

/// Builds llama-server for what was chosen, and returns the path of the best.
pub(crate) fn llama_server() -> anyhow::Result<PathBuf> {
    llama::builds(&Feature::chosen()?)?.into_iter().next().context("llama-server was built for nothing; this is a bug")
}

/// Returns the folder in which the workers find the builds of this checkout.
pub(crate) fn builds_dir() -> PathBuf {
    repository::target_dir()
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

/// Points names in the folder that cargo builds into at this build. The tests of this checkout look there for the one without
/// a card, under the name of the engine alone.
fn point_at(binary: &Path, engine: &str, feature: Feature) -> anyhow::Result<()> {
    link_to(binary, &format!("{engine}-{}", feature.name()))?;
    if feature == Feature::Cpu { link_to(binary, engine) } else { Ok(()) }
}

fn link_to(binary: &Path, name: &str) -> anyhow::Result<()> {
    let link = repository::target_dir().join(name);
    if fs::read_link(&link).is_ok_and(|points_at| points_at == binary) {
        return Ok(());
    }
    // Several of us may run at once.
    let fresh_link = link.with_extension(format!("{}.new", std::process::id()));
    let _ = fs::remove_file(&fresh_link);
    fs::create_dir_all(repository::target_dir())
        .and_then(|()| std::os::unix::fs::symlink(binary, &fresh_link))
        .and_then(|()| fs::rename(&fresh_link, &link))
        .with_context(|| format!("could not point {} at {name}", link.display()))
}
