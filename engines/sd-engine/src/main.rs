//! The program that links stable-diffusion.cpp, one model a process.
//!
//! The worker speaks to it in the lines of [`contract::engine`]: commands on standard input, answers on standard output.
//! It is a program of its own so that a fault in C++ ends a child and never a worker, and so that ending it gives back
//! all the memory that it held.
//! A thread of its own reads the commands: a cancel is heard in the middle of a generation, and when standard input ends
//! (the worker is gone, or wants this process to go), the process ends at once.

mod callbacks;
mod context;
mod generate;
mod output;

use std::{
    io::{BufRead, Write as _},
    process::ExitCode,
    sync::mpsc,
    time::Instant,
};

use anyhow::Context as _;
use contract::engine::{Command, Line};

use crate::{context::Context, output::Output};

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error is what the worker keeps as the last words.
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Says hello, then does what is asked for until standard input ends.
fn serve() -> anyhow::Result<()> {
    be_modest();
    let output = Output::open().context("taking over standard output")?;
    callbacks::install(output);
    output.write(
        &Line::Hello {
            version: concat!("stable-diffusion.cpp of diffusion-rs-sys ", env!("SD_LIBRARY_VERSION")).to_owned(),
            can_cancel: cfg!(soft_cancel),
            device: context::device(),
        },
        &[],
    );
    let (commands, received) = mpsc::channel();
    std::thread::Builder::new()
        .name("commands".to_owned())
        .spawn(move || read_commands(&commands, output))
        .context("starting the thread that reads commands")?;
    let mut context = None;
    for command in received {
        match command {
            Command::Load { files, threads } => {
                anyhow::ensure!(context.is_none(), "a second model was asked for: a process holds one");
                let started = Instant::now();
                let loaded = Context::load(&files, threads).and_then(|loaded| {
                    generate::warm_up(&loaded)?;
                    Ok(loaded)
                });
                match loaded {
                    Ok(loaded) => {
                        context = Some(loaded);
                        output.write(&Line::Loaded { duration_ms: milliseconds(started) }, &[]);
                    }
                    Err(message) => output.write(&Line::Failed { message, is_cancelled: false }, &[]),
                }
            }
            Command::Generate { spec } => {
                let started = Instant::now();
                let made = match &context {
                    Some(context) => generate::make_pictures(context, &spec, output),
                    None => Err("no model is loaded".to_owned()),
                };
                output.write(
                    &match made {
                        Ok(()) => Line::Done { duration_ms: milliseconds(started) },
                        Err(message) => Line::Failed { message, is_cancelled: callbacks::is_cancelled() },
                    },
                    &[],
                );
            }
            // Heard by the thread that reads, at once.
            Command::Cancel => {}
        }
    }
    Ok(())
}

/// A model is gigabytes, so a core file of this process would fill the disk (with prompts in it), and if memory runs out,
/// this process and not the API or Valkey should be the one to go.
fn be_modest() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // Neither is worth giving up for.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = std::fs::write("/proc/self/oom_score_adj", "800");
}

/// Reads commands until standard input ends, and then ends the process, whatever it is doing.
fn read_commands(commands: &mpsc::Sender<Command>, output: &'static Output) {
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        match serde_json::from_str(&line) {
            Ok(Command::Cancel) => callbacks::cancel(),
            Ok(command) => {
                if matches!(command, Command::Generate { .. }) {
                    // Here and not where the generation begins: a cancel that follows closely must not be forgotten.
                    callbacks::forget_cancel();
                }
                if commands.send(command).is_err() {
                    break;
                }
            }
            Err(error) => output.write(
                &Line::Failed { message: format!("could not read a command: {error}"), is_cancelled: false },
                &[],
            ),
        }
    }
    output::end_process();
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
