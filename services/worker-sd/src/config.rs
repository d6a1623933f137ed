//! The settings that this service reads.

use std::{path::PathBuf, time::Duration};

use chassis::{
    Secret,
    settings::Error,
    telemetry::{LogFormat, Telemetry},
};
use contract::spec::WorkerKind;
use serde::Deserialize;
use worker::Settings;

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
    /// How long a step of the scripted engine takes.
    pub scripted_step_ms: u64,
    /// How long the worker may be silent before its job goes to another.
    pub lease_ms: u64,
    /// How long a running job may take to finish once the worker was told to stop.
    pub drain_s: u64,
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
            metrics_port: self.metrics_port,
            ..Settings::new(WorkerKind::Sd)
        }
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
