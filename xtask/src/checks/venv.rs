//! Programs from PyPI, in environments of their own that are made once for each set of versions.

use std::{fs, path::PathBuf, process::Command};

use anyhow::Context;

use crate::{program, repository};

/// Returns the folder with the programs of an environment that has these packages. `name` tells it from all others.
pub(super) fn make(name: &str, packages: &[&str]) -> anyhow::Result<PathBuf> {
    let folder = repository::cache_dir()?.join(format!("venv-{name}"));
    let programs = folder.join("bin");
    if !folder.join("whole").is_file() {
        println!("installing {} into {}", packages.join(", "), folder.display());
        program::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        program::run(
            Command::new(programs.join("pip"))
                .args(["install", "--quiet", "--disable-pip-version-check"])
                .args(packages),
        )?;
        fs::write(folder.join("whole"), "").context("could not mark the environment as whole")?;
    }
    Ok(programs)
}
