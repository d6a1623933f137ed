//! `cargo xtask faults`: kills, stops, wipes and rolls back a whole system under load, and checks its books afterwards.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::{process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};
use tests::{
    faults::{self, Options, report::Tally},
    plan::Engine,
    processes,
};

/// Kills, stops, wipes and rolls back a whole system under load, and checks its books afterwards.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run, one after the other.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Jobs in the run of one seed.
    #[arg(long, default_value_t = 150)]
    jobs: usize,
    /// Seconds of load and faults in the run of one seed.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// What the workers drive.
    #[arg(long, value_enum, default_value_t = Driven::Both)]
    engine: Driven,
    /// Prints one JSON object instead of a table.
    #[arg(long)]
    json: bool,
    /// Leaves out what puts back what Valkey lost: this run must fail.
    #[arg(long)]
    without_reconcile: bool,
    /// Adds a short run without it at the end, which must find something: otherwise the books see nothing.
    #[arg(long, conflicts_with = "without_reconcile")]
    control: bool,
    /// Keeps the folder of every run, not only of those that went wrong.
    #[arg(long)]
    keep: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Driven {
    /// The engine without a model.
    Scripted,
    /// stable-diffusion.cpp with the tiny model.
    Sd,
    /// The scripted engine for every seed, and then a shorter part with stable-diffusion.cpp.
    Both,
}

const SCRIPTED: Engine = Engine::Scripted(Duration::from_millis(20));
const CONTROL_JOBS: usize = 60;
const CONTROL_SECONDS: u64 = 12;
/// The real engine needs half a second of computing for each job.
const SD_JOBS: usize = 24;
const SD_SECONDS: u64 = 18;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    processes::adopt_strays();
    let outcome = async {
        let tally = run(&arguments).await?;
        if arguments.control {
            control(&arguments).await?;
        }
        anyhow::Ok(tally)
    };
    match outcome.await {
        Ok(tally) if tally.agrees() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<Tally> {
    let mut total = Tally::default();
    if !arguments.json {
        println!("{}", Tally::head());
    }
    for (name, seed, options) in parts(arguments) {
        let tally = tokio::select! {
            tally = faults::run(seed, &options) => tally?,
            _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        };
        if !arguments.json {
            println!("{}", tally.line(&name));
            for finding in &tally.findings {
                println!("    {:?}: {}", finding.wrong, finding.what);
            }
            if let Some(folder) = &tally.folder {
                println!("    the logs are in {}", folder.display());
            }
        }
        total.add(tally);
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&total)?);
    } else {
        println!("{}", total.line("all"));
        println!(
            "{} groups were submitted as well, and {} submissions were repeated; all jobs ended as {:?}",
            total.groups, total.repetitions, total.ends
        );
        for (fault, count) in &total.by_fault {
            println!("{count:>5} × {fault}");
        }
    }
    Ok(total)
}

/// Runs the same without reconcile. Somebody must notice.
async fn control(arguments: &Arguments) -> anyhow::Result<()> {
    let options = Options {
        jobs: CONTROL_JOBS,
        time: Duration::from_secs(CONTROL_SECONDS),
        engine: SCRIPTED,
        reconcile: false,
        keep: arguments.keep,
    };
    let tally = faults::run(arguments.first_seed, &options).await?;
    anyhow::ensure!(!tally.agrees(), "without reconcile the books agree all the same, so they see nothing");
    if !arguments.json {
        println!("{}", tally.line("control"));
        println!("the control left {} jobs behind, as it must", tally.stuck + tally.lost);
    }
    Ok(())
}

fn parts(arguments: &Arguments) -> Vec<(String, u64, Options)> {
    let options = |engine, jobs, seconds| Options {
        jobs,
        time: Duration::from_secs(seconds),
        engine,
        reconcile: !arguments.without_reconcile,
        keep: arguments.keep,
    };
    let seeds = arguments.first_seed..arguments.first_seed + arguments.seeds;
    let mut parts = Vec::new();
    for seed in seeds {
        match arguments.engine {
            Driven::Scripted | Driven::Both => {
                parts.push((seed.to_string(), seed, options(SCRIPTED, arguments.jobs, arguments.seconds)));
            }
            Driven::Sd => {
                parts.push((
                    format!("{seed} sd"),
                    seed,
                    options(Engine::StableDiffusion, arguments.jobs, arguments.seconds),
                ));
            }
        }
    }
    if arguments.engine == Driven::Both {
        let seed = arguments.first_seed;
        parts.push((format!("{seed} sd-engine"), seed, options(Engine::StableDiffusion, SD_JOBS, SD_SECONDS)));
    }
    parts
}
