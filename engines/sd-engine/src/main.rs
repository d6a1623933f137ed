//! The program that links stable-diffusion.cpp, one model or one upscaler a process.
//!
//! The worker speaks to it in the lines of [`contract::engine`]: commands and pictures on standard input, answers on standard
//! output.
//! It is a program of its own so that a fault in C++ ends a child and never a worker, and so that ending it gives back
//! all the memory that it held.
//! A thread of its own reads the commands: a cancel is heard in the middle of a generation, and when standard input ends
//! (the worker is gone, or wants this process to go), the process ends at once.

mod input;

mod callbacks;
mod context;
mod failure;
mod generate;
mod output;
mod trial;
mod upscale;

use std::{io::Write as _, process::ExitCode, sync::mpsc, time::Instant};

use anyhow::Context as _;
use contract::engine::{Command, Line};

use crate::{callbacks::Work, context::Context, failure::Failure, input::Received, output::Output, upscale::Upscaler};

/// What this process holds.
#[derive(Debug)]
enum Held {
    Nothing,
    Model(Context),
    Upscaler(Upscaler),
}

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
        .spawn(move || input::read(&commands, output))
        .context("starting the thread that reads commands")?;
    let mut held = Held::Nothing;
    for Received { command, pictures } in received {
        let started = Instant::now();
        match command {
            Command::Load { files, embeddings, threads } => {
                anyhow::ensure!(matches!(held, Held::Nothing), "a second model was asked for: a process holds one");
                let loaded = Context::load(&files, &embeddings, threads).and_then(|mut loaded| {
                    loaded.step_px = generate::warm_up(&loaded)?;
                    Ok(loaded)
                });
                output.write(&loaded_line(started, loaded.as_ref().map(|_| 0)), &[]);
                held = loaded.map_or(held, Held::Model);
            }
            Command::LoadUpscaler { path, threads, tile_size } => {
                anyhow::ensure!(matches!(held, Held::Nothing), "a second model was asked for: a process holds one");
                let loaded = Upscaler::load(&path, threads, tile_size);
                output.write(&loaded_line(started, loaded.as_ref().map(Upscaler::factor)), &[]);
                held = loaded.map_or(held, Held::Upscaler);
            }
            Command::Generate { generation } => {
                let made = match &held {
                    Held::Model(context) => generate::make_pictures(context, &generation, pictures, output),
                    _ => Err(Failure::from("no model is loaded".to_owned())),
                };
                output.write(&end_line(started, made), &[]);
            }
            Command::Upscale { picture } => {
                let made = match &held {
                    Held::Upscaler(upscaler) => upscaler.enlarge(picture, pictures, output),
                    _ => Err(Failure::from("no upscaler is loaded".to_owned())),
                };
                output.write(&end_line(started, made), &[]);
            }
            Command::TryOut => output.write(&end_line(started, trial::compute().map_err(Failure::from)), &[]),
            // Heard by the thread that reads, at once.
            Command::Cancel => {}
        }
        callbacks::begin(Work::Nothing);
    }
    Ok(())
}

fn loaded_line(started: Instant, loaded: Result<u32, &String>) -> Line {
    match loaded {
        Ok(factor) => Line::Loaded { duration_ms: milliseconds(started), factor },
        Err(message) => Line::Failed { message: message.clone(), is_cancelled: false, is_final: false },
    }
}

fn end_line(started: Instant, made: Result<(), Failure>) -> Line {
    match made {
        Ok(()) => Line::Done { duration_ms: milliseconds(started) },
        Err(Failure { message, is_final }) => {
            Line::Failed { message, is_cancelled: callbacks::is_cancelled(), is_final }
        }
    }
}

/// A model is gigabytes, so a core file of this process would fill the disk (with prompts in it), and if memory runs out,
/// this process and not the API or Valkey should be the one to go.
fn be_modest() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // Neither is worth giving up for.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = std::fs::write("/proc/self/oom_score_adj", "800");
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
