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
use serde::Deserialize;
use url::Url;
use worker::Settings;

use crate::{engine::Engine, library::Shelf, llama};

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
    /// Where the models are.
    pub models_dir: PathBuf,
    /// The path of the program llama-server; empty for the usual places.
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

    /// Opens the store of files.
    pub fn open_assets(&self) -> anyhow::Result<AssetStore> {
        AssetStore::open(&self.assets_url).map_err(|error| match error {
            assets::Error::Url { problem, .. } => {
                Error::unusable("assets_url", format_args!("cannot be used: {problem}")).into()
            }
            other => anyhow::Error::from(other).context("could not open the store of files"),
        })
    }

    /// Returns the engine to use.
    pub fn engine(&self) -> Result<Engine, Error> {
        if !self.text_engine_url.is_empty() {
            return self.elsewhere().map(Engine::Elsewhere);
        }
        let Some(program) = self.llama_server_program()? else { return Ok(Engine::Missing) };
        let cores = || thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        Ok(Engine::Llama(llama::Settings {
            program,
            threads: if self.threads == 0 { cores() } else { self.threads },
            device: self.device.clone(),
        }))
    }

    /// Returns the address of the engine elsewhere.
    fn elsewhere(&self) -> Result<Url, Error> {
        let refuse = |problem: &str| Error::unusable("text_engine_url", format_args!("cannot be used: {problem}"));
        // The address may have a password in it, so it is not shown.
        let url = Url::parse(&self.text_engine_url).map_err(|_| refuse("it is no URL, as http://127.0.0.1:8000/v1 is"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("it must begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("a name and a password do not belong in it; the key goes into text_engine_key"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it must end with the path, without ? and #"));
        }
        Ok(url)
    }

    /// Returns the models that there are, and how they are loaded.
    #[must_use]
    pub fn shelf(&self) -> Shelf {
        Shelf::open(&self.models_dir, self.text_slots, self.text_context)
    }

    /// Returns the program: the one that was named, or one beside this program, or one in `PATH`; none where there is none.
    fn llama_server_program(&self) -> Result<Option<PathBuf>, Error> {
        if !self.llama_server.is_empty() {
            let chosen = Path::new(&self.llama_server);
            let absolute = chosen.canonicalize().ok().filter(|path| path.is_file());
            let missing = || Error::unusable("llama_server", format_args!("names no file: {}", chosen.display()));
            return absolute.ok_or_else(missing).map(Some);
        }
        let own = env::current_exe().ok().and_then(|program| program.parent().map(Path::to_owned));
        let path = env::var_os("PATH").unwrap_or_default();
        let mut places = own.into_iter().chain(env::split_paths(&path)).map(|folder| folder.join(LLAMA_SERVER));
        Ok(places.find(|program| program.is_file()))
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
