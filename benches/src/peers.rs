//! Installing peers from their registries, once for each version.

use std::{
    env,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

use anyhow::{Context, ensure};
use tokio::process::Command;

/// Returns the folder of a peer: `~/.cache/atelier/bench-<name>-<what it is made from>`.
pub(crate) fn folder(name: &str, made_from: &[&str]) -> anyhow::Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    made_from.hash(&mut hasher);
    Ok(cache()?.join(format!("bench-{name}-{:016x}", hasher.finish())))
}

/// Returns the folder for what is slow to make: `~/.cache/atelier`.
pub(crate) fn cache() -> anyhow::Result<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set, so there is no place for peers")?;
    Ok(base.join("atelier"))
}

/// Runs a program to its end; what it said is in the error if it fails.
pub(crate) async fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command.kill_on_drop(true).output().await.with_context(|| format!("could not start {name}"))?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "{name} ended with {}:\n{}", output.status, String::from_utf8_lossy(&said));
    Ok(())
}
