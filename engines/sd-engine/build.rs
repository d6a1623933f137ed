//! Looks into the header of stable-diffusion.cpp: which version it is, and whether it can end a generation softly.

use std::{env, fs, path::Path, process::Command};

use anyhow::{Context as _, ensure};
use serde_json::Value;

fn main() -> anyhow::Result<()> {
    let (version, header) = find_library()?;
    let has_cancel =
        fs::read_to_string(&header).with_context(|| format!("reading {header}"))?.contains("sd_cancel_generation");
    println!("cargo:rustc-check-cfg=cfg(soft_cancel)");
    if has_cancel {
        println!("cargo:rustc-cfg=soft_cancel");
    }
    println!("cargo:rustc-env=SD_LIBRARY_VERSION={version}");
    println!("cargo:rerun-if-changed={header}");
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}

/// Returns the version of `diffusion-rs-sys` and the path of its header.
/// Cargo tells a build script nothing of where a dependency lies unless that dependency does, so it is asked.
fn find_library() -> anyhow::Result<(String, String)> {
    let cargo = env::var("CARGO").context("reading CARGO")?;
    let manifest = Path::new(&env::var("CARGO_MANIFEST_DIR").context("reading CARGO_MANIFEST_DIR")?).join("Cargo.toml");
    let target = env::var("TARGET").context("reading TARGET")?;
    let output = Command::new(cargo)
        // Nothing has fetched what other platforms need.
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", &target, "--manifest-path"])
        .arg(manifest)
        .output()
        .context("running cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).context("reading what cargo metadata says")?;
    let package = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|package| package["name"] == "diffusion-rs-sys")
        .context("there is no diffusion-rs-sys among the packages")?;
    let folder = package["manifest_path"].as_str().and_then(|path| Path::new(path).parent()).context("no folder")?;
    let header = folder.join("stable-diffusion.cpp/include/stable-diffusion.h");
    Ok((package["version"].as_str().unwrap_or_default().to_owned(), header.display().to_string()))
}
