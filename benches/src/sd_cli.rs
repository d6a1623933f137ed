//! The peer sd-cli: stable-diffusion.cpp's own program, which loads the model for every picture.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tests::usage;

use crate::sd_peers;

/// A built sd-cli.
pub(crate) struct SdCli {
    program: PathBuf,
}

impl SdCli {
    /// Builds sd-cli, unless it is there already.
    pub(crate) async fn install() -> anyhow::Result<Self> {
        Ok(Self { program: sd_peers::install().await?.join("sd-cli") })
    }

    /// Makes one picture with the tiny model and returns the processor time of the whole program.
    pub(crate) async fn cpu_seconds(&self, models: &Path) -> anyhow::Result<f64> {
        let folder = tempfile::tempdir()?;
        let mut command = std::process::Command::new(&self.program);
        command
            .args(sd_peers::tiny_model(models))
            .args(["--prompt", "a lighthouse at dawn", "--width", "64", "--height", "64", "--steps", "4"])
            .args(["--cfg-scale", "1", "--seed", "1", "--output"])
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
