//! Checks beside each other: each is `cargo xtask test NAME` in a process of its own, and its words are shown when it is done.

use std::{
    io::{Read as _, Seek as _},
    process::Stdio,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use super::report::{Outcome, Report};
use crate::program;

/// Runs checks, as many at once as there are cores, in this order.
pub(super) fn run(names: &[&'static str], report: &mut Report) {
    let at_once = thread::available_parallelism().map_or(1, usize::from).min(names.len());
    let (next, done) = (Mutex::new(names.iter().copied()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| take_turns(&next, &done));
        }
    });
    for (name, outcome, took) in done.into_inner().into_iter().flatten() {
        report.add(name, outcome, took);
    }
}

type Done = (&'static str, Outcome, Duration);

fn take_turns(next: &Mutex<impl Iterator<Item = &'static str>>, done: &Mutex<Vec<Done>>) {
    while let Some(name) = next.lock().ok().and_then(|mut names| names.next()) {
        let begun = Instant::now();
        let outcome = run_one(name).unwrap_or_else(|error| {
            eprintln!("error: could not run the check {name}: {error:#}");
            Outcome::failed(())
        });
        if let Ok(mut done) = done.lock() {
            done.push((name, outcome, begun.elapsed()));
        }
    }
}

/// Runs a check in a process of its own, shows what it said, and reads how it ended from its last line.
fn run_one(name: &str) -> anyhow::Result<Outcome> {
    // A file and no pipe: one that is left behind by a check could keep a pipe open for ever.
    let mut said = tempfile::tempfile()?;
    // This very program may have been built anew meanwhile.
    let mut command = program::cargo();
    command.args(["xtask", "test", name]).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said.try_clone()?);
    let status = command.status()?;
    said.rewind()?;
    let mut words = Vec::new();
    said.read_to_end(&mut words)?;
    let words = String::from_utf8_lossy(&words);
    println!("{words}");
    let outcome = words.lines().rev().find_map(Outcome::read);
    Ok(outcome.filter(|outcome| status.success() || outcome.failed > 0).unwrap_or_else(|| Outcome::failed(())))
}
