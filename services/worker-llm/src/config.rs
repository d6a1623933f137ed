//! The settings that this service reads.

use std::{path::PathBuf, time::Duration};

use chassis::{
    Secret,
    settings::Error,
    telemetry::{LogFormat, Telemetry},
};
use contract::spec::WorkerKind;
use serde::Deserialize;
use url::Url;
use worker::{
    Settings,
    builds::{self, Search},
};

use crate::{library::Shelf, llama};

/// The file name of the program that runs text models.
const LLAMA_SERVER: &str = "llama-server";

/// The settings that this service reads. `docs/configuration.md` says what they mean.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Where jobs come from.
    pub valkey_url: Secret,
    /// What the keys there begin with.
    pub queue_prefix: String,
    /// Where files are.
    pub assets_url: String,
    /// Where everything is that has no folder of its own.
    pub data_dir: PathBuf,
    /// Where the models are.
    pub models_dir: PathBuf,
    /// Where the builds of engines are; empty for the usual places.
    pub engines_dir: String,
    /// How long a build may take to show that it works.
    pub engine_trial_s: u64,
    /// The path of the program llama-server; empty for the first build that works.
    pub llama_server: String,
    /// The address of an engine elsewhere; empty for models of this machine.
    pub text_engine_url: String,
    /// The key of an engine elsewhere.
    pub text_engine_key: Secret,
    /// Requests at once of each model.
    pub text_slots: u32,
    /// Tokens of each request, where the model's preset says nothing.
    pub text_context: u32,
    /// After how many seconds without work a model leaves; 0 for never.
    pub text_idle_s: u64,
    /// CPU threads of each engine; 0 for as many as there are cores.
    pub threads: u32,
    /// What the engines compute on.
    pub device: String,
    /// How much memory all models may hold together, in MiB; 0 to find out.
    pub memory_mib: u64,
    /// How long the worker may be silent before its jobs are lost.
    pub lease_ms: u64,
    /// How long running jobs may take to finish once the worker was told to stop.
    pub drain_s: u64,
    /// How long an engine may say nothing before it is given up.
    pub stall_s: u64,
    /// Where `/metrics` is; 0 for nowhere.
    pub text_metrics_port: u16,
    /// What is logged.
    pub log: String,
    /// For whom it is logged.
    pub log_format: LogFormat,
    /// Where traces go.
    pub otlp_endpoint: String,
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
            metrics_port: self.text_metrics_port,
            ..Settings::new(WorkerKind::Llm)
        }
    }

    /// Returns after how long without work a model leaves; none for never.
    #[must_use]
    pub fn idle(&self) -> Option<Duration> {
        (self.text_idle_s > 0).then(|| Duration::from_secs(self.text_idle_s))
    }

    /// Returns the program llama-server that was named; none where the builds are to be tried.
    pub fn named_llama_server(&self) -> Result<Option<PathBuf>, Error> {
        builds::named("llama_server", &self.llama_server)
    }

    /// Returns which builds are tried.
    #[must_use]
    pub fn search(&self) -> Search {
        Search {
            engine: LLAMA_SERVER,
            folder: (!self.engines_dir.is_empty()).then(|| PathBuf::from(&self.engines_dir)),
            device: self.device.clone(),
            limit: Duration::from_secs(self.engine_trial_s),
            notes: self.data_dir.join("engines").join("llama-server.json"),
        }
    }

    /// Returns what every llama-server of this program is started with.
    #[must_use]
    pub fn llama(&self, program: PathBuf) -> llama::Settings {
        llama::Settings { program, threads: worker::threads(self.threads), device: self.device.clone() }
    }

    /// Returns the address of the engine elsewhere; none where models run on this machine.
    pub fn elsewhere(&self) -> Result<Option<Url>, Error> {
        if self.text_engine_url.is_empty() {
            return Ok(None);
        }
        let refuse = |problem: &str| Error::unusable("text_engine_url", format_args!("cannot be used: {problem}"));
        // The address may have a password in it, so it is not shown.
        let url =
            Url::parse(&self.text_engine_url).map_err(|_| refuse("it is no URL, as http://127.0.0.1:8000/v1 is"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("it must begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("a name and a password do not belong in it; the key goes into text_engine_key"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it must end with the path, without ? and #"));
        }
        Ok(Some(url))
    }

    /// Returns the models that there are, and how they are loaded.
    #[must_use]
    pub fn shelf(&self) -> Shelf {
        Shelf::open(&self.models_dir, self.text_slots, self.text_context)
    }
}
