//! sd-engine, the engine for pictures: our own program around stable-diffusion.cpp.
//!
//! Cargo takes what lies in its folder for up to date by the time of the sources alone, and checkouts share the folder with
//! the C++. So our own part is thrown away before each build, and what comes out is kept under a name that says from what.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use super::Feature;
use crate::{passed, program, repository};

const PROGRAM: &str = "sd-engine";

/// The crate that holds the sources of stable-diffusion.cpp.
const LIBRARY: &str = "diffusion-rs-sys";
/// Our own part of sd-engine: packages, and the files that they are made of.
const PACKAGES: [&str; 2] = ["sd-engine", "contract"];
const SOURCES: [&str; 3] = ["engines/sd-engine", "crates/contract/src", "crates/contract/Cargo.toml"];
const TOOLS: &[(&str, &str)] = &[("cmake", "cmake"), ("c++", "g++")];

/// Builds sd-engine for each of these, and returns the paths. Takes minutes the first time, and no time if nothing has changed.
pub(super) fn builds(features: &[Feature]) -> anyhow::Result<Vec<PathBuf>> {
    features.iter().map(|feature| sd_engine(*feature)).collect()
}

fn sd_engine(feature: Feature) -> anyhow::Result<PathBuf> {
    let binary = super::kept_dir(PROGRAM)?.join(build_name(feature)?);
    if !binary.is_file() {
        let target_dir = fresh_target_dir(feature)?;
        // Its build script asks cargo where the library lies, without the network, and cargo wants to know all packages.
        program::run(program::cargo().args(["fetch", "--locked", "--target", &host()?]))?;
        program::run(&mut cargo("build", &target_dir, feature))?;
        super::keep(&target_dir.join("release").join(PROGRAM), &binary)?;
    }
    super::point_at(&binary, PROGRAM, feature)?;
    Ok(binary)
}

/// Runs clippy and the tests of sd-engine, which need its C++ and are therefore left out of those of the workspace.
pub(crate) fn check_sd_engine() -> anyhow::Result<()> {
    let rules = ["Cargo.toml", "Cargo.lock", "clippy.toml"];
    let depends_on: Vec<_> = SOURCES.iter().chain(&rules).map(|path| repository::root().join(path)).collect();
    passed::unless_before(PROGRAM, &depends_on, || {
        let target_dir = fresh_target_dir(Feature::Cpu)?;
        program::run(cargo("clippy", &target_dir, Feature::Cpu).args(["--all-targets", "--", "--deny", "warnings"]))?;
        program::run(&mut cargo("test", &target_dir, Feature::Cpu))
    })
}

/// Returns cargo for a command on the package sd-engine, with everything its C++ build needs.
fn cargo(command: &str, target_dir: &Path, feature: Feature) -> Command {
    let mut cargo = program::cargo();
    cargo
        .args([command, "--release", "--package", "sd-engine", "--target-dir"])
        .arg(target_dir)
        // Otherwise ggml is compiled for this machine's own processor, and dies of SIGILL on an older one.
        .env("CMAKE_TOOLCHAIN_FILE", repository::root().join("engines/sd-engine/portable.cmake"));
    if let Some(name) = feature_of(feature) {
        cargo.args(["--features", name]);
    }
    cargo
}

/// Returns the feature as cargo takes it; none for the CPU.
fn feature_of(feature: Feature) -> Option<&'static str> {
    (feature != Feature::Cpu).then(|| feature.name())
}

/// Returns the folder that sd-engine is built in, without anything of ours: one for each version of the library and of the
/// compiler and for each feature, so that the C++ is built once.
fn fresh_target_dir(feature: Feature) -> anyhow::Result<PathBuf> {
    super::must_have(PROGRAM, TOOLS)?;
    let behind = feature_of(feature).map(|name| format!("-{name}")).unwrap_or_default();
    let name = format!("engines/build-{}-{}{behind}", library_version()?, compiler()?);
    let folder = repository::cache_dir()?.join(name);
    let packages = PACKAGES.iter().flat_map(|package| ["--package", package]);
    let mut clean = program::cargo();
    clean.args(["clean", "--release", "--target-dir"]).arg(&folder).args(packages);
    program::run_quietly(&mut clean)?;
    Ok(folder)
}

/// Returns a name that says from what sd-engine is built: the library, the compiler, the feature, our sources.
fn build_name(feature: Feature) -> anyhow::Result<String> {
    let mut hasher = DefaultHasher::new();
    feature_of(feature).hash(&mut hasher);
    for source in SOURCES {
        passed::hash_files(&repository::root().join(source), &mut hasher)?;
    }
    Ok(format!("{}-{}-{:016x}", library_version()?, compiler()?, hasher.finish()))
}

/// Returns the version of the crate with the C++ sources.
fn library_version() -> anyhow::Result<String> {
    let lock = repository::root().join("Cargo.lock");
    let text = fs::read_to_string(&lock).with_context(|| format!("could not read {}", lock.display()))?;
    let lock: toml::Value = toml::from_str(&text).context("could not read Cargo.lock")?;
    let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let mut named = packages.filter(|package| package.get("name").and_then(toml::Value::as_str) == Some(LIBRARY));
    let version = named.next().and_then(|package| package.get("version")).and_then(toml::Value::as_str);
    version.map(str::to_owned).with_context(|| format!("Cargo.lock has no {LIBRARY}"))
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
