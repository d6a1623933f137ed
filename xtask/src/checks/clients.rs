//! Real clients of other servers, from their registry, against everything of ours with the real engine.

use std::{fs, process::Command, time::Duration};

use anyhow::Context;

use super::{report::Outcome, schemathesis::free_port, venv};
use crate::{
    binaries::{Binaries, Profile},
    engines, program, repository,
    signals::Signals,
    stack::{Plan, Stack},
};

/// What each of them tries, below `tests/clients`.
const SCRIPTS: [&str; 2] = ["openai_images.py", "webuiapi_client.py"];

/// Of this server alone, which ends after the check.
const KEY: &str = "a-key-for-this-check-only";

const READY_LIMIT: Duration = Duration::from_secs(60);

/// Starts everything with the tiny model, and lets every client try it.
pub(super) fn run() -> anyhow::Result<Outcome> {
    let scripts = repository::root().join("tests/clients");
    let python = install(&scripts)?.join("python");
    let signals = Signals::listen()?;
    let binaries = Binaries::build(Profile::Dev)?;
    let folder = tempfile::Builder::new().prefix("atelier-clients-").tempdir().context("could not make a folder")?;
    testkit::tiny_models::write_sd(&folder.path().join("models")).context("could not write the smoke model")?;
    let settings = vec![
        ("ATELIER_SD_ENGINE", engines::sd_engine()?.into()),
        ("ATELIER_API_KEY", KEY.into()),
        ("ATELIER_DRAIN_S", "1".into()),
    ];
    let mut stack = Stack::start(Plan {
        programs: binaries.folder(),
        data_dir: folder.path().to_owned(),
        port: free_port()?,
        settings,
    })?;
    stack.wait_until_ready(&signals, READY_LIMIT)?;
    let mut outcome = Outcome::default();
    for script in SCRIPTS {
        println!("— {script}");
        let mut command = Command::new(&python);
        // Its neighbours are ours, and what python makes of them is nobody's.
        command.arg("-B").arg(scripts.join(script)).args([&stack.address(), KEY]);
        match program::run(&mut command) {
            Ok(()) => outcome.passed += 1,
            Err(error) => {
                eprintln!("error: {error:#}");
                outcome.failed += 1;
            }
        }
    }
    stack.stop()?;
    Ok(outcome)
}

/// Returns the folder with the programs of an environment that has the clients.
fn install(scripts: &std::path::Path) -> anyhow::Result<std::path::PathBuf> {
    let list = fs::read_to_string(scripts.join("requirements.txt")).context("could not read the list of clients")?;
    let packages: Vec<&str> = list.lines().map(str::trim).filter(|line| line.contains("==")).collect();
    // Named by what is in it, so that another version is another environment.
    venv::make(&format!("clients-{}", packages.join("-").replace("==", "-")), &packages)
}
