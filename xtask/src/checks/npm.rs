//! Programs from npm, in a folder of their own that is made once for each lock file, with a node that is new enough for them.

use std::{
    env::consts::ARCH,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use crate::{program, repository};

/// Where packages were installed.
pub(super) struct Installed {
    /// The folder, in which scripts find the packages.
    pub folder: PathBuf,
    /// The node that came with them: that of a distribution may be too old.
    pub node: PathBuf,
}

/// Installs what the lock file in this folder says, unless it is there, and puts the scripts of the folder beside it.
pub(super) fn install(from: &Path) -> anyhow::Result<Installed> {
    let read = |name: &str| fs::read_to_string(from.join(name)).with_context(|| format!("could not read {name}"));
    let (package, lock) = (read("package.json")?, read("package-lock.json")?);
    let mut hasher = DefaultHasher::new();
    (&package, &lock).hash(&mut hasher);
    let folder = repository::cache_dir()?.join(format!("npm-{:016x}", hasher.finish()));
    if !folder.join("whole").is_file() {
        println!("installing {} into {}", from.join("package-lock.json").display(), folder.display());
        fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
        fs::write(folder.join("package.json"), package)?;
        fs::write(folder.join("package-lock.json"), lock)?;
        // Scripts of packages are not run: what we need of them lies in their files.
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&folder);
        program::run(&mut npm).context("installing clients from npm")?;
        fs::write(folder.join("whole"), "").context("could not mark the folder as whole")?;
    }
    for entry in fs::read_dir(from).with_context(|| format!("could not list {}", from.display()))? {
        let path = entry?.path();
        if let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|ending| ending == "mjs")) {
            fs::copy(&path, folder.join(name)).with_context(|| format!("could not copy {}", path.display()))?;
        }
    }
    let machine = if ARCH == "aarch64" { "arm64" } else { "x64" };
    let node = folder.join(format!("node_modules/node-linux-{machine}/bin/node"));
    Ok(Installed { folder, node })
}
