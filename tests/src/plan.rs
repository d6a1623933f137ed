//! What a system under test consists of, before it is started.

use std::{fmt::Display, time::Duration};

use crate::system::System;

/// Which engine the workers drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The engine without a model, at this pace.
    Scripted(Duration),
    /// stable-diffusion.cpp in its own process, with the tiny model.
    StableDiffusion,
}

/// What a system under test consists of: one API, one worker with the scripted engine, SQLite, unless said otherwise.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) apis: usize,
    pub(crate) workers: usize,
    pub(crate) text_workers: usize,
    pub(crate) engine: Engine,
    pub(crate) database_url: Option<String>,
    pub(crate) settings: Vec<(String, String)>,
}

impl Default for Plan {
    fn default() -> Self {
        Self::new()
    }
}

impl Plan {
    /// Returns the usual: one API, one worker with a quick scripted engine, SQLite.
    #[must_use]
    pub fn new() -> Self {
        Self {
            apis: 1,
            workers: 1,
            text_workers: 0,
            engine: Engine::Scripted(Duration::from_millis(5)),
            database_url: None,
            settings: Vec::new(),
        }
    }

    /// So many instances of the API.
    #[must_use]
    pub fn apis(mut self, apis: usize) -> Self {
        self.apis = apis;
        self
    }

    /// So many workers.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// So many workers for text: llama-server with the tiny model.
    #[must_use]
    pub fn text_workers(mut self, text_workers: usize) -> Self {
        self.text_workers = text_workers;
        self
    }

    /// Another engine.
    #[must_use]
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Another database.
    #[must_use]
    pub fn database_url(mut self, url: &str) -> Self {
        self.database_url = Some(url.to_owned());
        self
    }

    /// A setting for every process: `set("lease_ms", &1500)`.
    #[must_use]
    pub fn set(mut self, key: &str, value: &dyn Display) -> Self {
        self.settings.push((format!("ATELIER_{}", key.to_uppercase()), value.to_string()));
        self
    }

    /// Starts it all and waits until jobs can be accepted and every worker has announced itself.
    pub async fn start(self) -> anyhow::Result<System> {
        System::start(self).await
    }
}
