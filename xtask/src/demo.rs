//! `cargo xtask demo`: a first picture, made through the front door as any user would.

use std::{env, process::Command, time::Duration};

use anyhow::Context;

use crate::{program, signals::Signals, up};

/// Big enough to see something happen, small enough for two slow cores.
const SIDE_PX: &str = "256";

/// Starts everything, makes one picture and stops everything.
pub(crate) fn demo(options: up::Options) -> anyhow::Result<()> {
    let signals = Signals::listen()?;
    let running = up::start(options, &signals)?;

    up::heading("a picture, as a user would ask for it");
    if running.has_only_smoke_model {
        println!(
            "  The smoke model is tiny and its weights are random: expect coloured noise, made by the real engine."
        );
        println!("  For real pictures put a model into the models folder (README.md says how).");
    }
    let mut submit = Command::new(running.binaries.atelier());
    submit
        .args(["--server", &running.stack.address(), "submit", "a lighthouse at dawn, oil painting"])
        .args(["--width", SIDE_PX, "--height", SIDE_PX, "--watch", "--output"])
        .arg(running.data_dir.join("demo"));
    if running.has_only_smoke_model {
        submit.args(["--steps", "8", "--cfg-scale", "1"]);
    }
    // A server with a key from outside wants it from everybody.
    if let Some(key) = env::var_os("ATELIER_API_KEY") {
        submit.env("ATELIER_KEY", key);
    }
    println!("  $ {}\n", program::describe(&submit));
    let mut child = submit.spawn().context("could not start the command line")?;
    let mut is_interrupted = false;
    let status = loop {
        if let Some(status) = child.try_wait().context("could not look after the command line")? {
            break status;
        }
        // Ctrl-C in the terminal reaches the command line too, which then ends by itself.
        is_interrupted |= signals.wait(Duration::from_millis(50));
    };

    up::heading("stopping: the worker drains, then the API, then Valkey");
    running.stack.stop()?;
    println!("  stopped; no process is left. `cargo xtask up` starts it again and keeps it running.");
    anyhow::ensure!(!is_interrupted, "stopped by a signal");
    anyhow::ensure!(status.success(), "the picture was not made: `{}` ended with {status}", program::describe(&submit));
    Ok(())
}
