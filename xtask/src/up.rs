//! `cargo xtask up`: everything that a server needs, built, started, and kept running until Ctrl-C.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::bail;

use crate::{
    binaries::{Binaries, Profile},
    engines, repository, setup,
    signals::Signals,
    smoke_model,
    stack::{self, Plan, Stack},
};

/// How long a first start may take: migrations, and a slow disk.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// How to start the services.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Options {
    /// Uses the unoptimised build: much quicker to compile, slower to serve.
    #[arg(long)]
    dev: bool,
}

impl Options {
    fn profile(self) -> Profile {
        if self.dev { Profile::Dev } else { Profile::Release }
    }
}

/// Whether a language model tags new pictures.
const TAGGING: &str = "ATELIER_AUTO_TAGGING";

/// The services, running, with what is needed to talk to them.
pub(crate) struct Running {
    pub stack: Stack,
    pub binaries: Binaries,
    pub data_dir: PathBuf,
    /// Whether the pictures will be noise: the only model is the smoke model.
    pub has_only_smoke_model: bool,
}

/// Builds everything, starts it and waits until it is ready.
pub(crate) fn start(options: Options, signals: &Signals) -> anyhow::Result<Running> {
    let data_dir = repository::data_dir()?;
    if stack::is_running(&data_dir) {
        bail!("a server runs on {} already: stop it with Ctrl-C where it was started", data_dir.display());
    }
    heading("what this machine needs");
    setup::ensure(setup::Purpose::Run)?;

    heading("building the services");
    let binaries = Binaries::build(options.profile())?;

    let mut settings: Vec<(&'static str, OsString)> = Vec::new();
    let mut has_only_smoke_model = false;
    if is_scripted() {
        println!("  the scripted engine draws test cards; no model is needed");
    } else {
        heading("building the engines (once; some minutes)");
        engines::sd_engine()?;
        engines::llama_server()?;
        // The workers take the first that works; who names a program has the last word.
        settings.push(("ATELIER_ENGINES_DIR", engines::builds_dir().into()));
        has_only_smoke_model = smoke_model::write_if_there_is_no_other(&models_dir(&data_dir))?;
        if smoke_model::write_text_if_there_is_no_other(&models_dir(&data_dir))? && env::var_os(TAGGING).is_none() {
            println!("  the only language model says nothing but noise, so it tags no pictures");
            settings.push((TAGGING, "false".into()));
        }
    }

    heading("starting Valkey, the API and the workers");
    let port = stack::chosen_port()?;
    let mut stack = Stack::start(Plan { programs: binaries.folder(), data_dir: data_dir.clone(), port, settings })?;
    stack.wait_until_ready(signals, READY_LIMIT)?;
    Ok(Running { stack, binaries, data_dir, has_only_smoke_model })
}

/// Starts everything and keeps it running until a signal.
pub(crate) fn up(options: Options) -> anyhow::Result<()> {
    let signals = Signals::listen()?;
    let mut running = start(options, &signals)?;
    let address = running.stack.address();
    println!();
    println!("  API        {address}/api        (what it offers: {address}/docs)");
    println!("  data       {}", running.data_dir.display());
    println!("  models     {}", models_dir(&running.data_dir).display());
    println!("  logs       {}", running.data_dir.join("logs").display());
    println!(
        "  a picture  {} --server {address} submit \"a lighthouse at dawn\" --watch",
        running.binaries.atelier().display()
    );
    println!("\nCtrl-C stops everything.");
    while !signals.wait(Duration::from_secs(1)) {
        if let Some(status) = running.stack.ended()? {
            bail!("supervisord ended with {status}; see {}", running.data_dir.join("logs").display());
        }
    }
    heading("stopping: the worker drains, then the API, then Valkey");
    running.stack.stop()?;
    println!("  stopped; no process is left");
    Ok(())
}

/// Says what begins now.
pub(crate) fn heading(text: &str) {
    println!("\n— {text}");
}

fn is_scripted() -> bool {
    env::var("ATELIER_ENGINE").is_ok_and(|engine| engine == "scripted")
}

fn models_dir(data_dir: &Path) -> PathBuf {
    match env::var_os("ATELIER_MODELS_DIR").filter(|value| !value.is_empty()) {
        Some(chosen) => chosen.into(),
        None => data_dir.join("models"),
    }
}
