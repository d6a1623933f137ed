//! The tests of the workspace, counted.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    thread,
};

use anyhow::Context;

use super::report::Outcome;
use crate::program;

/// Names the server that the tests of the queue start; `crates/testkit` reads it.
const SERVER_VARIABLE: &str = "ATELIER_TEST_VALKEY_BIN";

/// How many tests run at once for each core: most of their time they wait, for servers to start and for leases to run out.
/// Those that compute take the place of two; `.config/nextest.toml` says which.
const PER_CORE: usize = 3;

/// The tests of the workers drive the real engines, and so do those in modules of an engine's name.
const WITHOUT_ENGINE: &str = "not test(sd_engine) and not test(llama_server) and not binary_id(worker-sd::it) and \
                              not binary_id(worker-llm::it)";

/// Which tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All of them.
    Everything,
    /// Those that need no engine built from C++.
    WithoutEngine,
}

pub(super) fn run(scope: Scope) -> anyhow::Result<Outcome> {
    let mut command = nextest();
    if scope == Scope::WithoutEngine {
        command.args(["--filterset", WITHOUT_ENGINE]);
    }
    count(&mut command)
}

/// Debian 12 and older Ubuntu have Redis where newer ones have Valkey: the queue must run on both.
pub(super) fn run_queue_on_redis() -> anyhow::Result<Outcome> {
    let Some(redis) = program::find("redis-server") else {
        println!("redis-server is not installed");
        return Ok(Outcome::skipped());
    };
    count(nextest().args(["--filterset", "package(queue)"]).env(SERVER_VARIABLE, redis))
}

/// The same packages every time: another choice would build everything anew with other features.
fn nextest() -> Command {
    let mut command = program::cargo();
    command.args([
        "nextest",
        "run",
        "--workspace",
        "--exclude",
        "sd-engine",
        "--locked",
        "--profile",
        "check",
        "--color",
        "never",
    ]);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    command.args(["--test-threads", &(cores * PER_CORE).to_string()]);
    command
}

/// Runs the tests, shows what they say, and reads the sum.
fn count(command: &mut Command) -> anyhow::Result<Outcome> {
    let text = program::describe(command);
    let mut child = command.stderr(Stdio::piped()).spawn().with_context(|| format!("could not start `{text}`"))?;
    let mut outcome = None;
    let stderr = child.stderr.take().context("nextest has no standard error; this is a bug")?;
    for line in BufReader::new(stderr).lines() {
        let line = line.with_context(|| format!("could not read what `{text}` says"))?;
        outcome = summary(&line).or(outcome);
        eprintln!("{line}");
    }
    let status = child.wait().with_context(|| format!("could not wait for `{text}`"))?;
    let outcome = outcome.with_context(|| format!("`{text}` ended with {status} before the tests ran"))?;
    // Tests that passed under a runner that failed are no success.
    Ok(if status.success() { outcome } else { Outcome { failed: outcome.failed.max(1), ..outcome } })
}

/// Reads `Summary [   0.191s] 38 tests run: 36 passed (1 slow), 2 failed, 3 skipped`.
fn summary(line: &str) -> Option<Outcome> {
    let (_, sums) = line.trim().strip_prefix("Summary [")?.split_once(" run: ")?;
    let number = |word: &str| {
        let part = sums.split(", ").find(|part| part.contains(word))?;
        part.split_whitespace().next()?.parse::<u32>().ok()
    };
    let failed = ["failed", "timed out", "exec failed"].into_iter().filter_map(number).sum();
    Some(Outcome { passed: number("passed").unwrap_or(0), failed, skipped: number("skipped").unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_nextest_is_read() {
        let line = "     Summary [   0.191s] 38 tests run: 35 passed (1 slow), 2 failed, 1 timed out, 3 skipped";
        assert_eq!(summary(line), Some(Outcome { passed: 35, failed: 3, skipped: 3 }));
        assert_eq!(summary("        PASS [   0.005s] queue a_job_runs_once"), None);
    }
}
