//! `cargo xtask test`: every check, one line about each at the end, and a total.

mod beside;
mod clients;
mod nextest;
mod npm;
mod report;
mod schemathesis;
mod smoke;
mod venv;

use std::time::Instant;

use anyhow::bail;

use crate::{
    binaries::{Binaries, Profile},
    codegen, dependencies, engines, layers, mutants, program, setup, tidy, workspace,
};

use report::{Outcome, Report};

/// Which checks.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Leaves out what takes minutes: the engine, mutants, faults, schemathesis, clients, the demo.
    #[arg(long)]
    fast: bool,
    /// Runs only these, by their names in the report.
    names: Vec<String>,
}

/// A check: its name, and what it does.
type Part = (&'static str, fn() -> anyhow::Result<Outcome>);

/// In this order, so that what fails soonest is known soonest.
const FIRST: &[Part] = &[
    ("setup", || setup::ensure(setup::Purpose::Test).map(Outcome::passed)),
    ("format", || program::run(program::cargo().args(["fmt", "--all", "--", "--check"])).map(Outcome::passed)),
    ("layers", || layers::check().map(Outcome::passed)),
    ("dependencies", || dependencies::check().map(Outcome::passed)),
    ("tidy", || tidy::check().map(Outcome::passed)),
];

/// What builds. The engines come from other languages into folders of their own, so that they are built beside the rest.
const BUILDING: &[Part] = &[
    ("engine", || {
        engines::check_sd_engine()?;
        engines::build_chosen().map(Outcome::passed)
    }),
    ("clippy", || clippy().map(Outcome::passed)),
    ("build", || Binaries::build(Profile::Dev).map(drop).map(Outcome::passed)),
    ("codegen", || codegen::check(&Binaries::build(Profile::Dev)?).map(Outcome::passed)),
];

const TESTS: &[Part] = &[("tests", || nextest::run(nextest::Scope::Everything))];

/// Those that wait more than they compute, the longest first: they run beside each other.
const BESIDE: &[Part] = &[
    ("faults", || workspace::check_faults().map(Outcome::passed)),
    ("clients", clients::run),
    ("schemathesis", || schemathesis::run().map(Outcome::passed)),
    ("mutants", || mutants::check().map(Outcome::passed)),
    ("queue-on-redis", nextest::run_queue_on_redis),
    ("demo", || smoke::run().map(Outcome::passed)),
];

/// Runs the checks. Fails if one of them does, but only after all have run.
pub(crate) fn test(options: &Options) -> anyhow::Result<()> {
    let without_engine: &[Part] = &[("tests", || nextest::run(nextest::Scope::WithoutEngine))];
    let stages: [(&[Part], bool); 4] = match options.fast {
        true => [(FIRST, false), (&BUILDING[1..], false), (without_engine, false), (&[], true)],
        false => [(FIRST, false), (BUILDING, true), (TESTS, false), (BESIDE, true)],
    };
    let known = stages.iter().flat_map(|(parts, _)| *parts).map(|(name, _)| *name);
    if let Some(unknown) = options.names.iter().find(|name| !known.clone().any(|known| known == *name)) {
        bail!("there is no check {unknown:?}; there are {}", known.collect::<Vec<_>>().join(", "));
    }
    let mut report = Report::begin();
    let is_wanted = |(name, _): &&Part| options.names.is_empty() || options.names.iter().any(|wanted| wanted == name);
    for (parts, are_beside) in stages {
        let parts: Vec<_> = parts.iter().filter(is_wanted).collect();
        // A single one can as well say at once what it does.
        if are_beside && parts.len() > 1 {
            let names: Vec<_> = parts.iter().map(|(name, _)| *name).collect();
            println!("\n━━ {}: beside each other, each is shown when it is done", names.join(", "));
            beside::run(&names, &mut report);
            continue;
        }
        for (name, run) in parts {
            println!("\n━━ {name}");
            let begun = Instant::now();
            let outcome = run().unwrap_or_else(|error| {
                eprintln!("error: {error:#}");
                Outcome::failed(())
            });
            report.add(name, outcome, begun.elapsed());
        }
    }
    println!("\n{report}");
    if report.has_failures() {
        bail!("not everything passed");
    }
    Ok(())
}

fn clippy() -> anyhow::Result<()> {
    program::run(program::cargo().args([
        "clippy",
        "--workspace",
        "--exclude",
        "sd-engine",
        "--all-targets",
        "--locked",
        "--",
        "--deny",
        "warnings",
    ]))
}
