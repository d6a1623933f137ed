//! The engines that are built from C++: slow to build, so each is built once per version and kept.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

use crate::{program, repository};

/// The crate that holds the sources of stable-diffusion.cpp.
const SD_LIBRARY: &str = "diffusion-rs-sys";

/// Builds sd-engine and returns its path. Takes minutes the first time, then a second.
///
/// `ATELIER_ENGINE_FEATURES` says what it computes on: `cuda`, `vulkan` or `metal`; nothing means the CPU.
pub(crate) fn sd_engine() -> anyhow::Result<PathBuf> {
    for (tool, package) in [("cmake", "cmake"), ("c++", "g++")] {
        ensure!(program::find(tool).is_some(), "sd-engine is built with {tool}: run `apt-get install {package}`");
    }
    let target_dir = sd_target_dir()?;
    let mut build = sd_cargo("build", &target_dir);
    program::run(&mut build)?;
    let binary = target_dir.join("release/sd-engine");
    ensure!(binary.is_file(), "`{}` left no {}", program::describe(&build), binary.display());
    // Whoever did not build it (tests, a worker started by hand) looks for it here.
    let link = repository::cache_dir()?.join("engines/sd-engine");
    let fresh_link = link.with_extension("new");
    let _ = fs::remove_file(&fresh_link);
    std::os::unix::fs::symlink(&binary, &fresh_link)
        .and_then(|()| fs::rename(&fresh_link, &link))
        .with_context(|| format!("could not point {} at the new sd-engine", link.display()))?;
    Ok(binary)
}

/// Runs clippy and the tests of sd-engine, which need its C++ and are therefore left out of those of the workspace.
pub(crate) fn check_sd_engine() -> anyhow::Result<()> {
    let target_dir = sd_target_dir()?;
    program::run(sd_cargo("clippy", &target_dir).args(["--all-targets", "--", "--deny", "warnings"]))?;
    program::run(&mut sd_cargo("test", &target_dir))
}

/// Returns cargo for a command on the package sd-engine, with everything its C++ build needs.
fn sd_cargo(command: &str, target_dir: &Path) -> std::process::Command {
    let mut cargo = program::cargo();
    cargo
        .args([command, "--release", "--locked", "--package", "sd-engine", "--target-dir"])
        .arg(target_dir)
        // Otherwise ggml is compiled for this machine's own processor, and dies of SIGILL on an older one.
        .env("CMAKE_TOOLCHAIN_FILE", repository::root().join("engines/sd-engine/portable.cmake"));
    if let Some(features) = std::env::var_os("ATELIER_ENGINE_FEATURES").filter(|features| !features.is_empty()) {
        cargo.arg("--features").arg(features);
    }
    cargo
}

/// Returns the folder that sd-engine is built in: one for each version of the library and of the compiler, so that the
/// C++ is built once, and cargo decides about the rest.
fn sd_target_dir() -> anyhow::Result<PathBuf> {
    let lock = repository::root().join("Cargo.lock");
    let text = fs::read_to_string(&lock).with_context(|| format!("could not read {}", lock.display()))?;
    let lock: toml::Value = toml::from_str(&text).context("could not read Cargo.lock")?;
    let library = lock["package"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"].as_str() == Some(SD_LIBRARY))
        .and_then(|package| package["version"].as_str())
        .with_context(|| format!("Cargo.lock has no {SD_LIBRARY}"))?;
    let compiler = program::read(std::process::Command::new("rustc").arg("--version"))?;
    let compiler = compiler.split_whitespace().nth(1).context("rustc does not say its version")?;
    Ok(repository::cache_dir()?.join(format!("engines/sd-engine-{library}-{compiler}")))
}
