//! `cargo xtask mutants`: breaks the functions of the queue, one rule at a time, and expects the tests to notice.
//!
//! A test that nobody has seen fail proves nothing. Each mutant takes one rule out of a copy of
//! `crates/queue/src/functions`, and names the test that notices; that test loads the copy in place of the real files.
//! Only if it notices nothing do all tests of the queue run, to tell an old name from a rule that nobody tests.

mod list;
mod tests;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use anyhow::{Context, anyhow, bail, ensure};

use crate::{passed, repository};

use list::Mutant;
use tests::{End, Tests};

/// How many tests run at once for each core: most of the time they wait for their servers.
const PER_CORE: usize = 2;

/// What became of a mutant.
#[derive(Debug)]
enum Fate {
    /// The test that it names noticed.
    Killed,
    /// Other tests noticed.
    KilledByOthers(Vec<String>),
    /// Nobody noticed.
    Survived,
    /// Valkey does not take the functions, which says nothing of the rule.
    DoesNotLoad,
}

/// Tries every mutant, unless all were killed with the same tests, functions and server before.
pub(crate) fn check() -> anyhow::Result<()> {
    passed::unless_before("mutants", &depends_on()?, run)
}

/// Tries every mutant; fails unless each is killed by the test that it names.
pub(crate) fn run() -> anyhow::Result<()> {
    let mutants = list::all();
    let tests = Tests::build()?;
    let functions = functions();
    let mut killers: Vec<_> = mutants.iter().map(|mutant| mutant.killer).filter(|name| !name.is_empty()).collect();
    killers.sort_unstable();
    killers.dedup();
    tests.must_pass(&functions, &killers).context("with the unchanged functions; mend that first")?;

    let next = AtomicUsize::new(0);
    let trials = || {
        let mut wrong = Vec::new();
        while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
            let begin = Instant::now();
            let fate = try_one(&tests, &functions, mutant)?;
            wrong.extend(tell(mutant, &fate, begin));
        }
        anyhow::Ok(wrong)
    };
    let at_once = thread::available_parallelism().map_or(1, usize::from) * PER_CORE;
    let wrong = thread::scope(|scope| {
        let threads: Vec<_> = (0..at_once).map(|_| scope.spawn(trials)).collect();
        let ends = threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a trial panicked"))?);
        ends.collect::<anyhow::Result<Vec<_>>>()
    })?
    .concat();
    println!("{} of {} mutants were killed by the test that they name", mutants.len() - wrong.len(), mutants.len());
    ensure!(
        wrong.is_empty(),
        "xtask/src/mutants/list or the tests of the queue must change:\n  {}",
        wrong.join("\n  ")
    );
    Ok(())
}

/// Says what became of a mutant. Returns what must be done about it, if anything.
fn tell(mutant: &Mutant, fate: &Fate, begin: Instant) -> Option<String> {
    let Mutant { file, why, killer, .. } = mutant;
    let what = match fate {
        Fate::Killed => None,
        Fate::KilledByOthers(others) => Some(format!("it names {killer:?}, and is killed by {}", others.join(", "))),
        Fate::Survived => Some("no test notices".to_owned()),
        Fate::DoesNotLoad => Some("Valkey does not even take the functions".to_owned()),
    };
    let verdict = if what.is_none() { "killed" } else { "WRONG" };
    println!("{verdict} {:>5.1} s  {file}: {why}", begin.elapsed().as_secs_f64());
    what.map(|what| format!("{file}: {why}: {what}"))
}

fn try_one(tests: &Tests, functions: &Path, mutant: &Mutant) -> anyhow::Result<Fate> {
    let folder = mutate(functions, mutant)?;
    if !mutant.killer.is_empty() {
        match tests.run(folder.path(), &["--exact", mutant.killer])? {
            End::Passed => {}
            End::Failed { loaded: true, .. } => return Ok(Fate::Killed),
            End::Failed { loaded: false, .. } => return Ok(Fate::DoesNotLoad),
        }
    }
    // The models take longest, and say least about what is wrong.
    for tests_of in [["--skip", "model::"].as_slice(), &["model::"]] {
        match tests.run(folder.path(), tests_of)? {
            End::Passed => {}
            End::Failed { loaded: false, .. } => return Ok(Fate::DoesNotLoad),
            End::Failed { names, .. } => return Ok(Fate::KilledByOthers(names)),
        }
    }
    Ok(Fate::Survived)
}

fn functions() -> PathBuf {
    repository::root().join("crates/queue/src/functions")
}

/// Returns everything on which the fate of the mutants depends.
fn depends_on() -> anyhow::Result<Vec<PathBuf>> {
    let ours = [
        "crates/queue",
        "crates/testkit",
        "crates/contract",
        "deploy",
        "xtask/src/mutants",
        "xtask/src/mutants.rs",
        "Cargo.lock",
        "Cargo.toml",
    ];
    let mut paths: Vec<_> = ours.iter().map(|path| repository::root().join(path)).collect();
    paths.push(testkit::valkey::binary()?);
    Ok(paths)
}

/// Copies the functions with one change.
fn mutate(functions: &Path, mutant: &Mutant) -> anyhow::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir().context("could not make a folder for a mutant")?;
    let mut found = false;
    for entry in fs::read_dir(functions).with_context(|| format!("could not list {}", functions.display()))? {
        let path = entry?.path();
        let mut text = fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
        let name = path.file_name().context("a file without a name")?;
        if name == mutant.file {
            let places = text.matches(mutant.before).count();
            ensure!(places == 1, "{}: {:?} stands there {places} times, and must once", mutant.file, mutant.before);
            text = text.replace(mutant.before, mutant.after);
            found = true;
        }
        fs::write(folder.path().join(name), text)?;
    }
    if !found {
        bail!("there is no {} in {}", mutant.file, functions.display());
    }
    Ok(folder)
}
