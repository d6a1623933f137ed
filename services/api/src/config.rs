//! The settings that this service reads.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use chassis::{
    Secret,
    settings::Error,
    telemetry::{LogFormat, Telemetry},
};
use serde::Deserialize;

use crate::{assistant::Roles, dispatch, tagging, text};

/// A key that is shorter than this can be guessed.
const LEAST_KEY_CHARACTERS: usize = 16;

/// The settings that this service reads. `docs/configuration.md` says what they mean.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// The address to listen on.
    pub host: String,
    /// The port to listen on; 0 for any free one.
    pub port: u16,
    /// An admin key given from outside; empty for none.
    pub api_key: Secret,
    /// Whether every request needs a key on the loopback, too.
    pub require_key: bool,
    /// Names that clients may call the server by.
    pub allowed_hosts: Vec<String>,
    /// Web pages of other origins that may use the API.
    pub allowed_origins: Vec<String>,
    /// How long a client may take for the head of a request.
    pub head_timeout_s: u64,
    /// The largest body, uploads aside.
    pub max_body_bytes: usize,
    /// The largest upload.
    pub max_upload_bytes: usize,
    /// The largest picture that may be uploaded.
    pub max_picture_pixels: u64,
    /// Where `api.address` says on which address the API listens ([`crate::address`]): with port 0 nobody else knows.
    pub data_dir: PathBuf,
    /// Where the models are.
    pub models_dir: PathBuf,
    /// Where files are stored.
    pub assets_url: String,
    /// The record.
    pub database_url: Secret,
    /// The transport.
    pub valkey_url: Secret,
    /// What the keys there begin with.
    pub queue_prefix: String,
    /// The model of jobs that name none; empty for the first usable one.
    pub default_model: String,
    /// How many jobs may be open before new ones are refused.
    pub queue_limit: u64,
    /// After how many attempts a job is set aside.
    pub max_attempts: u32,
    /// How long a worker may be silent before its job goes to another.
    pub lease_ms: u64,
    /// The pause before a second attempt.
    pub backoff_ms: u64,
    /// Jobs that lie ready for each kind and priority.
    pub window_per_kind: u32,
    /// How many of them may be of one owner.
    pub window_per_owner: u32,
    /// After how long without service a job moves up one priority.
    pub ageing_s: u64,
    /// How old a file without a record must be before it is deleted.
    pub sweep_after_s: u64,
    /// How many requests for text may be open at once.
    pub text_open: usize,
    /// How long a request for text waits for a worker.
    pub text_wait_s: u64,
    /// The language model that sets fields; empty for one that fits.
    pub assistant_model: String,
    /// The language model that writes prompts.
    pub enhancer_model: String,
    /// The language model that looks at pictures.
    pub tagger_model: String,
    /// Whether new pictures are tagged while nobody needs the machine.
    pub auto_tagging: bool,
    /// For how long nobody must have needed it.
    pub tagging_idle_s: u64,
    /// The same where the model must be loaded first.
    pub tagging_load_idle_s: u64,
    /// What picture workers work with.
    pub engine: EngineName,
    /// What is logged.
    pub log: String,
    /// For whom it is logged.
    pub log_format: LogFormat,
    /// Where traces go.
    pub otlp_endpoint: String,
}

/// What picture workers work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineName {
    /// stable-diffusion.cpp.
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

    /// Returns how the background part works.
    #[must_use]
    pub fn dispatch(&self) -> dispatch::Settings {
        dispatch::Settings {
            lease: Duration::from_millis(self.lease_ms),
            backoff: Duration::from_millis(self.backoff_ms),
            window_per_kind: self.window_per_kind,
            window_per_owner: self.window_per_owner,
            ageing: Duration::from_secs(self.ageing_s),
            sweep_after: Duration::from_secs(self.sweep_after_s),
        }
    }

    /// Returns how the reception of text works.
    #[must_use]
    pub fn texts(&self) -> text::Settings {
        text::Settings {
            open: self.text_open,
            wait: Duration::from_secs(self.text_wait_s),
            lease: Duration::from_millis(self.lease_ms),
        }
    }

    /// Returns which language model plays which role.
    pub(crate) fn roles(&self) -> Roles {
        Roles {
            assistant: self.assistant_model.clone(),
            enhancer: self.enhancer_model.clone(),
            tagger: self.tagger_model.clone(),
        }
    }

    /// Returns how the tagging of pictures works.
    #[must_use]
    pub fn tagging(&self) -> tagging::Settings {
        tagging::Settings {
            is_on: self.auto_tagging,
            idle: Duration::from_secs(self.tagging_idle_s),
            idle_before_loading: Duration::from_secs(self.tagging_load_idle_s.max(self.tagging_idle_s)),
        }
    }

    /// Returns whether only this machine can reach the server.
    #[must_use]
    pub fn is_on_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Refuses settings that would leave the server open to strangers. `keys` is how many keys are on record.
    pub fn check_access(&self, keys: u64) -> Result<(), Error> {
        let length = self.api_key.expose().chars().count();
        if (1..LEAST_KEY_CHARACTERS).contains(&length) {
            let problem = format!("must have at least {LEAST_KEY_CHARACTERS} characters, so that nobody can guess it");
            return Err(Error::unusable("api_key", problem));
        }
        if self.is_on_loopback() || length > 0 || keys > 0 {
            return Ok(());
        }
        let problem = format!(
            "is {}, which strangers can reach, and there is no key; make one with `api keys create --name me`, or set \
             ATELIER_API_KEY, or listen on 127.0.0.1",
            self.host
        );
        Err(Error::unusable("host", problem))
    }
}

/// Says which setting is to blame for what the queue refused.
pub(crate) fn refused_by_queue(error: queue::Error) -> anyhow::Error {
    match error {
        queue::Error::Address { .. } => Error::unusable("valkey_url", format_args!("cannot be used: {error}")).into(),
        queue::Error::Prefix(_) => Error::unusable("queue_prefix", format_args!("cannot be used: {error}")).into(),
        other => other.into(),
    }
}
