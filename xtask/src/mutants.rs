//! `cargo xtask mutants`: breaks the functions of the queue, one rule at a time, and expects the tests to notice.
//!
//! A test that nobody has seen fail proves nothing. Each mutant takes one rule out of a copy of
//! `crates/queue/src/functions`; the tests of the queue load that copy in place of the real files.

mod list;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

use crate::{program, repository};

use list::{MUTANTS, Mutant};

/// How many series the model test runs for each mutant.
const CASES: &str = "150";
/// How long the tests may take; a mutant that makes them hang is noticed too.
const LIMIT: Duration = Duration::from_secs(180);
/// How many mutants may live.
const SURVIVORS_ALLOWED: usize = 1;

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The model test noticed.
    KilledByModel,
    /// Only another test of the queue noticed.
    KilledByOthers,
    /// Nobody noticed.
    Survived,
}

/// Tries every mutant; fails if more than one lives, or one that should not.
pub(crate) fn run() -> anyhow::Result<()> {
    let tests = build_tests()?;
    let functions = repository::root().join("crates/queue/src/functions");
    ensure!(
        fate(&tests, &functions)? == Fate::Survived,
        "the tests of the queue fail with the unchanged functions; mend that first"
    );
    let mut survivors = Vec::new();
    for mutant in MUTANTS {
        let folder = mutate(&functions, mutant)?;
        let begin = Instant::now();
        let fate = fate(&tests, folder.path())?;
        let verdict = match fate {
            Fate::KilledByModel => "KILLED   (model)",
            Fate::KilledByOthers => "KILLED   (tests)",
            Fate::Survived => "SURVIVED        ",
        };
        println!("{verdict} {:>5.1} s  {}: {}", begin.elapsed().as_secs_f64(), mutant.file, mutant.why);
        if fate == Fate::Survived {
            survivors.push(mutant);
        }
    }
    println!("{} of {} mutants were killed", MUTANTS.len() - survivors.len(), MUTANTS.len());
    let unexpected: Vec<_> = survivors.iter().filter(|mutant| mutant.harmless.is_none()).map(|m| m.why).collect();
    ensure!(unexpected.is_empty(), "these should not have lived: {}", unexpected.join("; "));
    ensure!(survivors.len() <= SURVIVORS_ALLOWED, "{} mutants live, and {SURVIVORS_ALLOWED} may", survivors.len());
    for mutant in survivors {
        println!("harmless: {} ({})", mutant.why, mutant.harmless.unwrap_or_default());
    }
    Ok(())
}

/// Builds the tests of the queue, and returns the program.
fn build_tests() -> anyhow::Result<PathBuf> {
    let mut build = program::cargo();
    build.args(["test", "--package", "queue", "--test", "it", "--no-run", "--message-format", "json"]);
    let messages = program::read(&mut build)?;
    let mut executables = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_ours = message["target"]["name"] == "it" && message["target"]["kind"][0] == "test";
        message["executable"].as_str().filter(|_| is_ours).map(PathBuf::from)
    });
    executables.next_back().context("cargo did not say where the tests of the queue are")
}

/// Copies the functions with one change.
fn mutate(functions: &Path, mutant: &Mutant) -> anyhow::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir().context("could not make a folder for a mutant")?;
    for entry in fs::read_dir(functions).with_context(|| format!("could not list {}", functions.display()))? {
        let path = entry?.path();
        let mut text = fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
        let name = path.file_name().context("a file without a name")?;
        if name == mutant.file {
            let places = text.matches(mutant.before).count();
            ensure!(places == 1, "{}: {:?} stands there {places} times, and must once", mutant.file, mutant.before);
            text = text.replace(mutant.before, mutant.after);
        }
        fs::write(folder.path().join(name), text)?;
    }
    Ok(folder)
}

fn fate(tests: &Path, functions: &Path) -> anyhow::Result<Fate> {
    if !pass(tests, functions, &["model::"])? {
        return Ok(Fate::KilledByModel);
    }
    Ok(if pass(tests, functions, &["--skip", "model::"])? { Fate::Survived } else { Fate::KilledByOthers })
}

/// Runs some of the tests with these functions.
fn pass(tests: &Path, functions: &Path, arguments: &[&str]) -> anyhow::Result<bool> {
    let mut command = Command::new(tests);
    command
        .args(arguments)
        .current_dir(repository::root().join("crates/queue"))
        .env("ATELIER_QUEUE_FUNCTIONS_DIR", functions)
        .env("ATELIER_MODEL_CASES", CASES)
        // Nobody reads the series that killed a mutant, so it need not be short.
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("could not start {}", tests.display()))?;
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return match status.code() {
                Some(0) => Ok(true),
                Some(_) => Ok(false),
                None => bail!("the tests of the queue were killed: {status}"),
            };
        }
        if begin.elapsed() > LIMIT {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
