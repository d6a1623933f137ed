//! Checks beside each other: each is `cargo xtask test NAME` in a process of its own, and its words are shown when it is done.

use std::{
    env,
    io::{Read as _, Seek as _},
    process::{Command, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;

use super::report::{Outcome, Report};

/// Runs checks, as many at once as there are cores, in this order.
pub(super) fn run(names: &[&'static str], report: &mut Report) -> anyhow::Result<()> {
    let next = Mutex::new(names.iter());
    let at_once = thread::available_parallelism().map_or(1, usize::from).min(names.len());
    let turns = thread::scope(|scope| {
        let threads: Vec<_> = (0..at_once).map(|_| scope.spawn(|| take_turns(&next))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| anyhow::bail!("a thread panicked"))).collect()
    });
    let turns: Vec<anyhow::Result<Vec<_>>> = turns;
    for turn in turns {
        for (name, outcome, took) in turn? {
            report.add(name, outcome, took);
        }
    }
    Ok(())
}

type Done = (&'static str, Outcome, Duration);

fn take_turns<'a>(next: &Mutex<impl Iterator<Item = &'a &'static str>>) -> anyhow::Result<Vec<Done>> {
    let mut done = Vec::new();
    loop {
        let name = next.lock().ok().and_then(|mut names| names.next().copied());
        let Some(name) = name else { return Ok(done) };
        let begun = Instant::now();
        let outcome = run_one(name).with_context(|| format!("could not run the check {name}"))?;
        done.push((name, outcome, begun.elapsed()));
    }
}

/// Runs a check in a process of its own, shows what it said, and reads how it ended from its last line.
fn run_one(name: &str) -> anyhow::Result<Outcome> {
    // A file and no pipe: one that is left behind by a check could keep a pipe open for ever.
    let mut said = tempfile::tempfile()?;
    let mut command = Command::new(env::current_exe()?);
    command.args(["test", name]).stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said.try_clone()?);
    let status = command.status()?;
    said.rewind()?;
    let mut words = Vec::new();
    said.read_to_end(&mut words)?;
    let words = String::from_utf8_lossy(&words);
    println!("{words}");
    let outcome = words.lines().rev().find_map(Outcome::read);
    Ok(outcome.filter(|outcome| status.success() || outcome.failed > 0).unwrap_or_else(|| Outcome::failed(())))
}
