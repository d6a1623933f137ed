//! The peer BullMQ: the most used job queue on Redis, installed from npm by its lock file.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::Deserialize;
use tokio::process::Command;

use crate::peers;

const PACKAGE: &str = include_str!("../peers/bullmq/package.json");
const LOCK: &str = include_str!("../peers/bullmq/package-lock.json");
const WORKER: &str = include_str!("../peers/bullmq/worker.mjs");

/// An installed BullMQ.
pub(crate) struct Bullmq {
    folder: PathBuf,
}

#[derive(Deserialize)]
struct Measured {
    seconds: f64,
}

impl Bullmq {
    /// Installs BullMQ from npm, unless this version is there already.
    pub(crate) async fn install() -> anyhow::Result<Self> {
        let folder = peers::folder("bullmq", &[PACKAGE, LOCK, WORKER])?;
        if !folder.join("installed").exists() {
            std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
            std::fs::write(folder.join("package.json"), PACKAGE)?;
            std::fs::write(folder.join("package-lock.json"), LOCK)?;
            std::fs::write(folder.join("worker.mjs"), WORKER)?;
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
            peers::run(&mut npm).await.context("installing BullMQ (it needs Node 20 or newer, and npm)")?;
            std::fs::write(folder.join("installed"), "")?;
        }
        Ok(Self { folder })
    }

    /// Processes jobs that do nothing, `concurrency` at a time, and returns jobs a second.
    pub(crate) async fn process(&self, socket: &Path, jobs: usize, concurrency: usize) -> anyhow::Result<f64> {
        let output = Command::new("node")
            .arg(self.folder.join("worker.mjs"))
            .arg(socket)
            .args([jobs.to_string(), concurrency.to_string()])
            .kill_on_drop(true)
            .output()
            .await
            .context("starting node")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "BullMQ ended with {}: {said}", output.status);
        let measured: Measured =
            serde_json::from_slice(&output.stdout).with_context(|| format!("reading what BullMQ measured: {said}"))?;
        Ok(jobs as f64 / measured.seconds)
    }
}
