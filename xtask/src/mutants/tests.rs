//! The tests of the queue as a program, which loads the functions that it is told to.

use std::{
    fs::File,
    io::{Read as _, Seek as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

use crate::{program, repository};

/// How many series the model tests run, should all tests be needed.
const CASES: &str = "150";
/// How long the tests may take; a mutant that makes them hang is noticed too.
const LIMIT: Duration = Duration::from_secs(180);
/// What the tests say when Valkey refuses the functions; `crates/queue/tests/it/ground.rs` says it.
const DO_NOT_LOAD: &str = "the functions do not load";

/// The program.
pub(super) struct Tests {
    program: PathBuf,
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum End {
    /// All tests passed.
    Passed,
    /// Some failed.
    Failed {
        /// Which; none if they hung.
        names: Vec<String>,
        /// Whether Valkey took the functions.
        loaded: bool,
    },
}

impl Tests {
    /// Builds them as the check of all tests does, which has mostly done so before.
    pub(super) fn build() -> anyhow::Result<Self> {
        let mut build = program::cargo();
        build.args(["test", "--workspace", "--exclude", "sd-engine", "--locked", "--test", "it", "--no-run"]);
        let messages = program::read(build.args(["--message-format", "json"]))?;
        let mut programs = messages.lines().filter_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let is_ours = message["manifest_path"].as_str()?.ends_with("/crates/queue/Cargo.toml");
            let is_test = message["target"]["kind"][0] == "test";
            message["executable"].as_str().filter(|_| is_ours && is_test).map(PathBuf::from)
        });
        let program = programs.next_back().context("cargo did not say where the tests of the queue are")?;
        Ok(Self { program })
    }

    /// Fails unless there are these tests, and all of them pass.
    pub(super) fn must_pass(&self, functions: &Path, names: &[&str]) -> anyhow::Result<()> {
        let listed = program::read(Command::new(&self.program).args(["--list", "--format", "terse"]))?;
        for name in names {
            ensure!(listed.lines().any(|line| line.strip_suffix(": test") == Some(name)), "there is no test {name}");
        }
        match self.run(functions, &[&["--exact"], names].concat())? {
            End::Passed => Ok(()),
            End::Failed { names, .. } => bail!("these tests of the queue fail: {}", names.join(", ")),
        }
    }

    /// Runs some of the tests, or all, with the functions in this folder.
    pub(super) fn run(&self, functions: &Path, arguments: &[&str]) -> anyhow::Result<End> {
        let mut said = tempfile::tempfile().context("could not make a file")?;
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(repository::root().join("crates/queue"))
            .env("ATELIER_QUEUE_FUNCTIONS_DIR", functions)
            .env("ATELIER_MODEL_CASES", CASES)
            // Nobody reads the series that killed a mutant, so it need not be short.
            .env("PROPTEST_MAX_SHRINK_ITERS", "0")
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(Stdio::null());
        let passed = ended_well(&mut command)?;
        if passed == Some(true) {
            return Ok(End::Passed);
        }
        let said = read(&mut said)?;
        let names: Vec<_> = said.lines().filter_map(failed).map(str::to_owned).collect();
        ensure!(passed.is_none() || !names.is_empty(), "the tests of the queue ended without a word:\n{said}");
        Ok(End::Failed { names, loaded: !said.contains(DO_NOT_LOAD) })
    }
}

/// Runs a program to its end. Returns whether it ended well; nothing if it took too long.
fn ended_well(command: &mut Command) -> anyhow::Result<Option<bool>> {
    let mut child = command.spawn().with_context(|| format!("could not start `{}`", program::describe(command)))?;
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            ensure!(status.code().is_some(), "the tests of the queue were killed: {status}");
            return Ok(Some(status.success()));
        }
        if begin.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn read(file: &mut File) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).context("could not read what the tests said")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads `test leasing::two_workers_never_get_the_same_job ... FAILED`.
fn failed(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}
