//! Real clients of other servers, from their registry, against everything of ours with the real engine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Context;

use super::{npm, report::Outcome, schemathesis::free_port, venv};
use crate::{
    binaries::{Binaries, Profile},
    engines, program, repository,
    signals::Signals,
    stack::{Plan, Stack},
};

/// Who tries what, below `tests/clients`: the list of the packages that it needs, and the scripts.
const PYTHON: [(&str, &[&str]); 2] = [
    ("requirements.txt", &["openai_images.py", "openai_text.py", "webuiapi_client.py"]),
    ("requirements_litellm.txt", &["litellm_text.py"]),
];
const NODE: [&str; 2] = ["openai_text.mjs", "ai_sdk.mjs"];

/// Of this server alone, which ends after the check.
const KEY: &str = "a-key-for-this-check-only";

const READY_LIMIT: Duration = Duration::from_secs(60);

/// Starts everything with the tiny model, and lets every client try it.
pub(super) fn run() -> anyhow::Result<Outcome> {
    let clients = install(&repository::root().join("tests/clients"))?;
    let signals = Signals::listen()?;
    let binaries = Binaries::build(Profile::Dev)?;
    let folder = tempfile::Builder::new().prefix("atelier-clients-").tempdir().context("could not make a folder")?;
    let models = folder.path().join("models");
    testkit::tiny_models::write_sd(&models).context("could not write the smoke model")?;
    testkit::tiny_models::write_llm(&models).context("could not write the smoke model for text")?;
    let settings = vec![
        ("ATELIER_SD_ENGINE", engines::sd_engine()?.into()),
        ("ATELIER_LLAMA_SERVER", engines::llama_server()?.into()),
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
    for Client { name, mut command } in clients {
        println!("— {name}");
        command.args([&stack.address(), KEY]);
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

/// A program that tries the server, which takes its address and a key.
struct Client {
    name: &'static str,
    command: Command,
}

/// Installs all clients.
fn install(scripts: &Path) -> anyhow::Result<Vec<Client>> {
    let mut clients = Vec::new();
    for (list, names) in PYTHON {
        let python = install_python(&scripts.join(list))?.join("python");
        clients.extend(names.iter().map(|name| {
            let mut command = Command::new(&python);
            // Its neighbours are ours, and what python makes of them is nobody's.
            command.arg("-B").arg(scripts.join(name));
            Client { name, command }
        }));
    }
    let installed = npm::install(&scripts.join("js"))?;
    clients.extend(NODE.iter().map(|name| {
        let mut command = Command::new(&installed.node);
        command.arg(installed.folder.join(name));
        Client { name, command }
    }));
    Ok(clients)
}

/// Returns the folder with the programs of an environment that has the packages of a list.
fn install_python(list: &Path) -> anyhow::Result<PathBuf> {
    let text = fs::read_to_string(list).with_context(|| format!("could not read {}", list.display()))?;
    let packages: Vec<&str> = text.lines().map(str::trim).filter(|line| line.contains("==")).collect();
    // Named by what is in it, so that another version is another environment.
    venv::make(&format!("clients-{}", packages.join("-").replace("==", "-")), &packages)
}
