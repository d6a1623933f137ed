//! The engines that are built from C++: slow to build, so each is built once per version and kept.
//!
//! Cargo takes what lies in its folder for up to date by the time of the sources alone, and checkouts share the folder with
//! the C++. So our own part is thrown away before each build, and what comes out is kept under a name that says from what.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use anyhow::{Context as _, ensure};

use crate::{program, repository};

/// The crate that holds the sources of stable-diffusion.cpp.
const SD_LIBRARY: &str = "diffusion-rs-sys";
/// Our own part of sd-engine: packages, and the files that they are made of.
const SD_PACKAGES: [&str; 2] = ["sd-engine", "contract"];
const SD_SOURCES: [&str; 3] = ["engines/sd-engine", "crates/contract/src", "crates/contract/Cargo.toml"];
/// Builds that are kept, of this checkout and others.
const SD_KEPT: usize = 8;

/// Builds sd-engine and returns its path. Takes minutes the first time, and no time if nothing has changed.
///
/// `ATELIER_ENGINE_FEATURES` says what it computes on: `cuda`, `vulkan` or `metal`; nothing means the CPU.
pub(crate) fn sd_engine() -> anyhow::Result<PathBuf> {
    let kept = repository::cache_dir()?.join("engines/sd-engine");
    let binary = kept.join(sd_build_name()?);
    if !binary.is_file() {
        let target_dir = fresh_sd_target_dir()?;
        // Its build script asks cargo where the library lies, without the network, and cargo wants to know all packages.
        program::run(program::cargo().args(["fetch", "--locked", "--target", &host()?]))?;
        let mut build = sd_cargo("build", &target_dir);
        program::run(&mut build)?;
        keep(&target_dir.join("release/sd-engine"), &binary)?;
        forget_old(&kept)?;
    }
    // The tests of this checkout look for it here.
    let link = repository::target_dir().join("sd-engine");
    let fresh_link = link.with_extension("new");
    let _ = fs::remove_file(&fresh_link);
    fs::create_dir_all(repository::target_dir())
        .and_then(|()| std::os::unix::fs::symlink(&binary, &fresh_link))
        .and_then(|()| fs::rename(&fresh_link, &link))
        .with_context(|| format!("could not point {} at sd-engine", link.display()))?;
    Ok(binary)
}

/// Runs clippy and the tests of sd-engine, which need its C++ and are therefore left out of those of the workspace.
pub(crate) fn check_sd_engine() -> anyhow::Result<()> {
    let target_dir = fresh_sd_target_dir()?;
    program::run(sd_cargo("clippy", &target_dir).args(["--all-targets", "--", "--deny", "warnings"]))?;
    program::run(&mut sd_cargo("test", &target_dir))
}

/// Returns cargo for a command on the package sd-engine, with everything its C++ build needs.
fn sd_cargo(command: &str, target_dir: &Path) -> Command {
    let mut cargo = program::cargo();
    cargo
        .args([command, "--release", "--package", "sd-engine", "--target-dir"])
        .arg(target_dir)
        // Otherwise ggml is compiled for this machine's own processor, and dies of SIGILL on an older one.
        .env("CMAKE_TOOLCHAIN_FILE", repository::root().join("engines/sd-engine/portable.cmake"));
    if let Some(features) = features() {
        cargo.arg("--features").arg(features);
    }
    cargo
}

/// Returns the folder that sd-engine is built in, without anything of ours: one for each version of the library and of the
/// compiler, so that the C++ is built once.
fn fresh_sd_target_dir() -> anyhow::Result<PathBuf> {
    for (tool, package) in [("cmake", "cmake"), ("c++", "g++")] {
        ensure!(program::find(tool).is_some(), "sd-engine is built with {tool}: run `apt-get install {package}`");
    }
    let folder = repository::cache_dir()?.join(format!("engines/build-{}-{}", sd_library_version()?, compiler()?));
    let packages = SD_PACKAGES.iter().flat_map(|package| ["--package", package]);
    let mut clean = program::cargo();
    clean.args(["clean", "--release", "--target-dir"]).arg(&folder).args(packages);
    program::run_quietly(&mut clean)?;
    Ok(folder)
}

/// Returns a name that says from what sd-engine is built: the library, the compiler, the features, our sources.
fn sd_build_name() -> anyhow::Result<String> {
    let mut hasher = DefaultHasher::new();
    features().hash(&mut hasher);
    for source in SD_SOURCES {
        hash_files(&repository::root().join(source), &mut hasher)?;
    }
    Ok(format!("{}-{}-{:016x}", sd_library_version()?, compiler()?, hasher.finish()))
}

/// Hashes the contents of a file, or of everything in a folder.
fn hash_files(path: &Path, hasher: &mut DefaultHasher) -> anyhow::Result<()> {
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

/// Copies a build to where it is kept; it appears there whole.
fn keep(built: &Path, binary: &Path) -> anyhow::Result<()> {
    let folder = binary.parent().context("a build without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    let partial = binary.with_extension(format!("{}.new", std::process::id()));
    fs::copy(built, &partial)
        .and_then(|_| fs::rename(&partial, binary))
        .with_context(|| format!("could not copy {} to {}", built.display(), binary.display()))
}

/// Removes all but the latest builds.
fn forget_old(kept: &Path) -> anyhow::Result<()> {
    let age = |path: &PathBuf| path.metadata().and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let entries = fs::read_dir(kept).with_context(|| format!("could not read {}", kept.display()))?;
    let mut builds: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    builds.sort_by_key(age);
    for build in builds.iter().rev().skip(SD_KEPT) {
        fs::remove_file(build).with_context(|| format!("could not remove {}", build.display()))?;
    }
    Ok(())
}

fn features() -> Option<std::ffi::OsString> {
    std::env::var_os("ATELIER_ENGINE_FEATURES").filter(|features| !features.is_empty())
}

/// Returns the version of the crate with the C++ sources.
fn sd_library_version() -> anyhow::Result<String> {
    let lock = repository::root().join("Cargo.lock");
    let text = fs::read_to_string(&lock).with_context(|| format!("could not read {}", lock.display()))?;
    let lock: toml::Value = toml::from_str(&text).context("could not read Cargo.lock")?;
    let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let mut named = packages.filter(|package| package.get("name").and_then(toml::Value::as_str) == Some(SD_LIBRARY));
    let version = named.next().and_then(|package| package.get("version")).and_then(toml::Value::as_str);
    version.map(str::to_owned).with_context(|| format!("Cargo.lock has no {SD_LIBRARY}"))
}

/// Returns the platform of this machine, as cargo names it.
fn host() -> anyhow::Result<String> {
    let said = program::read(Command::new("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not say what platform this is")
}

/// Returns the version of the compiler.
fn compiler() -> anyhow::Result<String> {
    let said = program::read(Command::new("rustc").arg("--version"))?;
    said.split_whitespace().nth(1).map(str::to_owned).context("rustc does not say its version")
}
