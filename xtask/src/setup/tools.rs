//! Tools that cargo installs, at a pinned version.

use std::process::Command;

use crate::program;

/// The runner of the tests. Any version does that is there; this one is installed where none is.
const NEXTEST: &str = "0.9.143";

/// Installs what is missing.
pub(crate) fn ensure() -> anyhow::Result<()> {
    ensure_component("rustfmt", "cargo-fmt")?;
    ensure_component("clippy", "cargo-clippy")?;
    if !program::succeeds(program::cargo().args(["nextest", "--version"])) {
        println!("cargo-nextest {NEXTEST} is built once (some minutes)");
        program::run(program::cargo().args(["install", "--locked", "cargo-nextest", "--version", NEXTEST]))?;
    }
    Ok(())
}

fn ensure_component(component: &str, proof: &str) -> anyhow::Result<()> {
    if program::succeeds(Command::new(proof).arg("--version")) {
        return Ok(());
    }
    program::run(Command::new("rustup").args(["component", "add", component]))
}
