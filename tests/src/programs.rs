//! Our own programs, as `cargo build` left them.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

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
        for program in [programs.api(), programs.worker_sd(), programs.atelier()] {
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

    /// Returns the command line.
    #[must_use]
    pub fn atelier(&self) -> PathBuf {
        self.folder.join("atelier")
    }

    /// Returns the engine: what `ATELIER_SD_ENGINE` names, or the newest that `cargo xtask engines` built.
    pub fn sd_engine(&self) -> anyhow::Result<PathBuf> {
        if let Some(named) = env::var_os("ATELIER_SD_ENGINE").filter(|value| !value.is_empty()) {
            return std::path::absolute(named).context("making the path in ATELIER_SD_ENGINE absolute");
        }
        let beside = self.folder.join("sd-engine");
        if beside.is_file() {
            return Ok(beside);
        }
        let cache = cache_dir()?.join("engines");
        let mut built: Vec<_> = std::fs::read_dir(&cache)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join("release/sd-engine"))
            .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
            .collect();
        built.sort();
        let newest = built.pop().with_context(|| {
            format!("there is no sd-engine in {}; run `cargo xtask engines` first", cache.display())
        })?;
        Ok(newest.1)
    }
}

fn cache_dir() -> anyhow::Result<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set, so there is no place for caches")?;
    Ok(base.join("atelier"))
}

/// Returns the name of a program for messages.
pub(crate) fn name(program: &Path) -> String {
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}
