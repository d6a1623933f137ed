//! schemathesis: tries the API against its own OpenAPI document.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use anyhow::Context;

use super::venv;
use crate::{
    binaries::{Binaries, Profile},
    program, repository,
    signals::Signals,
    stack::{Plan, Stack},
};

/// The version that is installed from PyPI.
const VERSION: &str = "4.32.5";

/// Of this server alone, which ends after the check.
const KEY: &str = "a-key-for-this-check-only";

/// Examples for each operation: enough to find what is wrong with a new one, few enough for every commit.
const EXAMPLES: &str = "25";

const READY_LIMIT: Duration = Duration::from_secs(60);

/// Starts everything with the scripted engine, and tries every operation.
pub(super) fn run() -> anyhow::Result<()> {
    let schemathesis = install()?;
    let signals = Signals::listen()?;
    let binaries = Binaries::build(Profile::Dev)?;
    let folder = tempfile::Builder::new().prefix("atelier-api-").tempdir().context("could not make a folder")?;
    let settings = vec![
        ("ATELIER_ENGINE", "scripted".into()),
        ("ATELIER_SCRIPTED_STEP_MS", "1".into()),
        // Nobody waits for the pictures.
        ("ATELIER_DRAIN_S", "1".into()),
        ("ATELIER_API_KEY", KEY.into()),
    ];
    let mut stack = Stack::start(Plan {
        programs: binaries.folder(),
        data_dir: folder.path().to_owned(),
        port: free_port()?,
        settings,
    })?;
    stack.wait_until_ready(&signals, READY_LIMIT)?;
    let result = program::run(
        Command::new(schemathesis)
            .current_dir(folder.path())
            .arg("--config-file")
            .arg(repository::root().join("xtask/schemathesis.toml"))
            .args(["run", &format!("{}/openapi.json", stack.address())])
            .args(["--max-examples", EXAMPLES, "--header", &format!("Authorization: Bearer {KEY}")]),
    );
    stack.stop()?;
    result
}

/// Returns the program.
fn install() -> anyhow::Result<PathBuf> {
    let programs = venv::make(&format!("schemathesis-{VERSION}"), &[&format!("schemathesis=={VERSION}")])?;
    Ok(programs.join("schemathesis"))
}

/// Returns a port that nobody uses at the moment.
pub(super) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("there is no free port")?;
    Ok(listener.local_addr().context("could not read the port")?.port())
}
