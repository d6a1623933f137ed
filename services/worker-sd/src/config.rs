//! The settings that this service reads.

use std::{
    env,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use assets::AssetStore;
use chassis::{
    Secret,
    settings::Error,
    telemetry::{LogFormat, Telemetry},
};
use contract::spec::WorkerKind;
use models::Library;
use serde::Deserialize;
use worker::Settings;

use crate::sd;

/// The file name of the program that drives stable-diffusion.cpp.
const SD_ENGINE: &str = "sd-engine";

/// The settings that this service reads. `docs/configuration.md` says what they mean.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Where jobs come from.
    pub valkey_url: Secret,
    /// What the keys there begin with.
    pub queue_prefix: String,
    /// Where files go.
    pub assets_url: String,
    /// Where the models are.
    pub models_dir: PathBuf,
    /// What makes the pictures.
    pub engine: EngineName,
    /// The path of the program sd-engine; empty for the usual places.
    pub sd_engine: String,
    /// CPU threads of the engine; 0 for as many as there are cores.
    pub threads: u32,
    /// What the engine computes on.
    pub device: String,
    /// How much memory all models may hold together, in MiB; 0 to find out.
    pub memory_mib: u64,
    /// How long a step of the scripted engine takes.
    pub scripted_step_ms: u64,
    /// How long the worker may be silent before its job goes to another.
    pub lease_ms: u64,
    /// How long a running job may take to finish once the worker was told to stop.
    pub drain_s: u64,
    /// How long the engine may report nothing before it is given up.
    pub stall_s: u64,
    /// Where `/metrics` is; 0 for nowhere.
    pub metrics_port: u16,
    /// What is logged.
    pub log: String,
    /// For whom it is logged.
    pub log_format: LogFormat,
    /// Where traces go.
    pub otlp_endpoint: String,
}

/// What makes the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineName {
    /// stable-diffusion.cpp, in its own program.
    Sd,
    /// Test cards, without a model.
    Scripted,
}

impl Config {
    /// Returns how the service is seen from outside.
    #[must_use]
    pub fn telemetry(&self) -> Telemetry {
        Telemetry { log: self.log.clone(), log_format: self.log_format, otlp_endpoint: self.otlp_endpoint.clone() }
    }

    /// Returns how the worker behaves.
    #[must_use]
    pub fn worker(&self) -> Settings {
        Settings {
            lease: Duration::from_millis(self.lease_ms),
            drain: Duration::from_secs(self.drain_s),
            stall: Duration::from_secs(self.stall_s),
            metrics_port: self.metrics_port,
            ..Settings::new(WorkerKind::Sd)
        }
    }

    /// Returns how long a step of the scripted engine takes.
    #[must_use]
    pub fn scripted_step(&self) -> Duration {
        Duration::from_millis(self.scripted_step_ms)
    }

    /// Opens the store of files.
    pub fn open_assets(&self) -> anyhow::Result<AssetStore> {
        AssetStore::open(&self.assets_url).map_err(|error| match error {
            assets::Error::Url { problem, .. } => {
                Error::unusable("assets_url", format_args!("cannot be used: {problem}")).into()
            }
            other => anyhow::Error::from(other).context("could not open the store of files"),
        })
    }

    /// Returns what the engine needs to know.
    pub fn sd_engine(&self) -> Result<sd::Settings, Error> {
        let cores = || thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        Ok(sd::Settings {
            program: self.sd_engine_program()?,
            threads: if self.threads == 0 { cores() } else { self.threads },
            device: self.device.clone(),
            memory_mib: self.memory_mib,
            memory_lease: queue::memory::LEASE,
            library: Library::open(&self.models_dir),
        })
    }

    /// Returns the program: the one that was named, or one beside this program, or one in `PATH`.
    fn sd_engine_program(&self) -> Result<PathBuf, Error> {
        if !self.sd_engine.is_empty() {
            let chosen = Path::new(&self.sd_engine);
            let absolute = chosen.canonicalize().ok().filter(|path| path.is_file());
            return absolute
                .ok_or_else(|| Error::unusable("sd_engine", format_args!("names no file: {}", chosen.display())));
        }
        let own = env::current_exe().ok().and_then(|program| program.parent().map(Path::to_owned));
        let path = env::var_os("PATH").unwrap_or_default();
        let mut places = own.into_iter().chain(env::split_paths(&path)).map(|folder| folder.join(SD_ENGINE));
        places.find(|program| program.is_file()).ok_or_else(|| {
            Error::unusable(
                "sd_engine",
                "is empty, and there is no sd-engine beside this program or in PATH; \
                 build it with `cargo xtask engines`, or set ATELIER_ENGINE=scripted to paint test cards without a model",
            )
        })
    }
}

/// Says which setting is to blame for what the queue refused.
#[must_use]
pub fn refused_by_queue(error: queue::Error) -> anyhow::Error {
    match error {
        queue::Error::Address { .. } => Error::unusable("valkey_url", format_args!("cannot be used: {error}")).into(),
        queue::Error::Prefix(_) => Error::unusable("queue_prefix", format_args!("cannot be used: {error}")).into(),
        other => other.into(),
    }
}
