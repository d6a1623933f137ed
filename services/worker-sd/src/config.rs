//! The settings that this service reads.

use std::{path::PathBuf, time::Duration};

use chassis::{
    Secret,
    settings::Error,
    telemetry::{LogFormat, Telemetry},
};
use contract::spec::WorkerKind;
use models::Library;
use serde::Deserialize;
use worker::{
    Settings,
    builds::{self, Search},
};

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
    /// Where everything is that has no folder of its own.
    pub data_dir: PathBuf,
    /// Where the models are.
    pub models_dir: PathBuf,
    /// What makes the pictures.
    pub engine: EngineName,
    /// Where the builds of engines are; empty for the usual places.
    pub engines_dir: String,
    /// How long a build may take to show that it works.
    pub engine_trial_s: u64,
    /// The path of the program sd-engine; empty for the first build that works.
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

    /// Returns the program sd-engine that was named; none where the builds are to be tried.
    pub fn named_sd_engine(&self) -> Result<Option<PathBuf>, Error> {
        builds::named("sd_engine", &self.sd_engine)
    }

    /// Returns which builds are tried.
    #[must_use]
    pub fn search(&self) -> Search {
        Search {
            engine: SD_ENGINE,
            folder: (!self.engines_dir.is_empty()).then(|| PathBuf::from(&self.engines_dir)),
            device: self.device.clone(),
            limit: Duration::from_secs(self.engine_trial_s),
            notes: self.data_dir.join("engines").join("sd-engine.json"),
        }
    }

    /// Returns what the engine needs to know that runs this program.
    #[must_use]
    pub fn sd_engine(&self, program: PathBuf) -> sd::Settings {
        sd::Settings {
            program,
            threads: worker::threads(self.threads),
            device: self.device.clone(),
            memory_mib: self.memory_mib,
            memory_lease: queue::memory::LEASE,
            library: Library::open(&self.models_dir),
        }
    }
}
