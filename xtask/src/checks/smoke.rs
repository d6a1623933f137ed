//! The demo, in a folder of its own: the two commands of the README must work.

use anyhow::{Context, ensure};

use super::schemathesis::free_port;
use crate::{program, repository};

/// Runs `cargo xtask demo --dev` as a user would, with another data folder and another port.
pub(super) fn run() -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("atelier-demo-").tempdir().context("could not make a folder")?;
    // Through cargo, as a user does: the checks before may have built this very program anew.
    let mut demo = program::cargo();
    demo.args(["xtask", "demo", "--dev"])
        .current_dir(repository::root())
        .env("ATELIER_DATA_DIR", folder.path())
        .env("ATELIER_PORT", free_port()?.to_string())
        .env_remove("ATELIER_ENGINE");
    program::run(&mut demo)?;
    let pictures = std::fs::read_dir(folder.path().join("demo")).context("the demo left no folder with pictures")?;
    let mut count = 0;
    for picture in pictures {
        let path = picture.context("could not list the pictures")?.path();
        let bytes = std::fs::read(&path).with_context(|| format!("could not read {}", path.display()))?;
        ensure!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"), "{} is no PNG", path.display());
        count += 1;
    }
    ensure!(count == 1, "the demo left {count} pictures, not one");
    Ok(())
}
