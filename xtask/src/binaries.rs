//! Our own programs, built.

use std::path::{Path, PathBuf};

use anyhow::ensure;

use crate::{program, repository};

/// How the programs are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Fast: for everyday use.
    Release,
    /// Quickly built: for the checks, which have the rest of the workspace in this form already.
    Dev,
}

/// Our own programs.
pub(crate) struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// Builds the services and the command line.
    pub(crate) fn build(profile: Profile) -> anyhow::Result<Self> {
        let mut cargo = program::cargo();
        cargo.arg("build");
        let folder = match profile {
            Profile::Release => {
                cargo.arg("--release");
                cargo.args(["api", "worker-sd", "worker-llm", "cli"].iter().flat_map(|name| ["--package", name]));
                "release"
            }
            // The whole workspace, because fewer packages would ask for other features and build everything again.
            Profile::Dev => {
                cargo.args(["--workspace", "--exclude", "sd-engine"]);
                "debug"
            }
        };
        program::run(&mut cargo)?;
        let binaries = Self { folder: repository::target_dir().join(folder) };
        for path in [binaries.api(), binaries.worker_sd(), binaries.worker_llm(), binaries.atelier()] {
            ensure!(path.is_file(), "{} was not built; this is a bug", path.display());
        }
        Ok(binaries)
    }

    /// Returns the folder that holds them all.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the API.
    pub(crate) fn api(&self) -> PathBuf {
        self.folder.join("api")
    }

    /// Returns the picture worker.
    pub(crate) fn worker_sd(&self) -> PathBuf {
        self.folder.join("worker-sd")
    }

    /// Returns the text worker.
    pub(crate) fn worker_llm(&self) -> PathBuf {
        self.folder.join("worker-llm")
    }

    /// Returns the command line.
    pub(crate) fn atelier(&self) -> PathBuf {
        self.folder.join("atelier")
    }
}
