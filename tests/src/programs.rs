//! Our own programs, as `cargo build` left them.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};

/// Where our programs are. `cargo build --workspace` makes them; `cargo xtask test` does that first.
#[derive(Debug, Clone)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Finds the programs beside the one that runs now: `target/debug/deps/system-1a2b…` or `target/debug/faults`.
    pub fn find() -> anyhow::Result<Self> {
        let this = env::current_exe().context("finding out where this program is")?;
        let folder = this.parent().context("this program is in no folder")?;
        let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
        let programs = Self { folder: folder.to_owned() };
        for program in [programs.api(), programs.worker_sd(), programs.worker_llm(), programs.atelier()] {
            if !program.is_file() {
                bail!("{} is not there; run `cargo build --workspace --exclude sd-engine` first", program.display());
            }
        }
        Ok(programs)
    }

    /// Returns the API.
    #[must_use]
    pub fn api(&self) -> PathBuf {
        self.folder.join("api")
    }

    /// Returns the picture worker.
    #[must_use]
    pub fn worker_sd(&self) -> PathBuf {
        self.folder.join("worker-sd")
    }

    /// Returns the text worker.
    #[must_use]
    pub fn worker_llm(&self) -> PathBuf {
        self.folder.join("worker-llm")
    }

    /// Returns the command line.
    #[must_use]
    pub fn atelier(&self) -> PathBuf {
        self.folder.join("atelier")
    }

    /// Returns the engine: what `ATELIER_SD_ENGINE` names, or what `cargo xtask engines` built for this checkout.
    pub fn sd_engine(&self) -> anyhow::Result<PathBuf> {
        self.engine("ATELIER_SD_ENGINE", "sd-engine")
    }

    /// Returns llama-server: what `ATELIER_LLAMA_SERVER` names, or what `cargo xtask engines` built for this checkout.
    pub fn llama_server(&self) -> anyhow::Result<PathBuf> {
        self.engine("ATELIER_LLAMA_SERVER", "llama-server")
    }

    fn engine(&self, setting: &str, program: &str) -> anyhow::Result<PathBuf> {
        if let Some(named) = env::var_os(setting).filter(|value| !value.is_empty()) {
            return std::fs::canonicalize(named).with_context(|| format!("following the path in {setting}"));
        }
        let built = self.folder.parent().unwrap_or(&self.folder).join(program);
        ensure!(built.is_file(), "{} is not there; run `cargo xtask engines` first", built.display());
        // A link, which another build may point elsewhere meanwhile.
        built.canonicalize().with_context(|| format!("following {}", built.display()))
    }
}

/// Returns the name of a program for messages.
pub(crate) fn name(program: &Path) -> String {
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}
