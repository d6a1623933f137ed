//! Opens the house of the models: llama-server on this machine, or an engine elsewhere.

use anyhow::{Context as _, anyhow};
use contract::worker::EngineBuild;
use tracing::warn;
use url::Url;
use worker::{
    Budget, EngineDescription, Parts,
    builds::{self, Build},
    device_name,
};

use crate::{
    config::Config,
    endpoint::Endpoint,
    house::{House, Memory, Settings},
    llama::{self, inquiry, trial},
};

/// Which engine is used.
#[derive(Debug)]
pub enum Engine {
    /// llama-server, on this machine.
    Llama(llama::Settings),
    /// A server that speaks as OpenAI does.
    Elsewhere(Url),
    /// There is none.
    Missing,
}

/// The engine that is used, and what became of all builds.
#[derive(Debug)]
pub struct Chosen {
    /// The engine.
    pub engine: Engine,
    /// The builds of llama-server; none where the settings name the engine.
    pub builds: Vec<EngineBuild>,
}

/// Returns the engine that the settings name, or else the first build of llama-server that works.
pub async fn choose(config: &Config) -> anyhow::Result<Chosen> {
    let told = |engine| Ok(Chosen { engine, builds: Vec::new() });
    if let Some(url) = config.elsewhere()? {
        return told(Engine::Elsewhere(url));
    }
    if let Some(program) = config.named_llama_server()? {
        return told(Engine::Llama(config.llama(program)));
    }
    let trial = async |build: &Build, depth| trial::try_out(&config.llama(build.program.clone()), depth).await;
    match config.search().choose(trial).await {
        Ok(choice) => Ok(Chosen { engine: Engine::Llama(config.llama(choice.program)), builds: choice.builds }),
        Err(error @ builds::Error::Missing { .. }) => {
            warn!(
                "{error} in engines_dir, beside this program or in PATH, so this worker does nothing: build it with \
                 `cargo xtask engines`, or set ATELIER_TEXT_ENGINE_URL to a server that speaks as OpenAI does"
            );
            told(Engine::Missing)
        }
        Err(error @ builds::Error::NoneWorks { .. }) => Err(anyhow!(
            "{error}; mend what is named there, build one for this machine with `cargo xtask engines`, or set \
             ATELIER_TEXT_ENGINE_URL to a server that speaks as OpenAI does"
        )),
    }
}

/// Opens the house of the models, and says what works in it; none where there is no engine.
pub async fn open(
    engine: Engine,
    config: &Config,
    parts: &Parts,
) -> anyhow::Result<Option<(House, EngineDescription)>> {
    match engine {
        Engine::Llama(llama) => open_here(llama, config, parts).await.map(Some),
        Engine::Elsewhere(url) => open_elsewhere(&url, config).map(Some),
        Engine::Missing => Ok(None),
    }
}

async fn open_here(
    llama: llama::Settings,
    config: &Config,
    parts: &Parts,
) -> anyhow::Result<(House, EngineDescription)> {
    let name = inquiry::version(&llama).await.map_err(anyhow::Error::msg)?;
    // llama.cpp takes the first GPU that it finds, if it was built for one.
    let device = match llama.device.as_str() {
        "" => inquiry::device(&llama).await.map_err(anyhow::Error::msg)?,
        set => set.to_owned(),
    };
    let llama = llama::Settings { device: device.clone(), ..llama };
    let budget = match config.memory_mib {
        0 => Budget::find(&device).await,
        mib => Budget::set(mib),
    };
    let device_in_ledger = queue::memory::Device {
        name: device_name(&device, &device),
        total_mib: budget.whole_mib,
        comfortable_mib: budget.comfortable_mib,
    };
    let lease = queue::memory::LEASE.min(parts.settings.lease / 3);
    let ledger = parts.queue.open_ledger(&device_in_ledger, &parts.settings.name, lease);
    let ledger = ledger.context("could not open the ledger of the memory")?;
    let memory = Memory::new(ledger, budget, &device);
    let settings = Settings { llama, shelf: config.shelf(), memory, idle: config.idle() };
    Ok((House::here(settings, config.text_slots), EngineDescription { name, device }))
}

fn open_elsewhere(url: &Url, config: &Config) -> anyhow::Result<(House, EngineDescription)> {
    let endpoint = Endpoint::elsewhere(url, config.text_engine_key.clone());
    let endpoint = endpoint.context("could not make a client for the text engine elsewhere")?;
    let device = url.host_str().unwrap_or_default().to_owned();
    Ok((House::elsewhere(endpoint, config.text_slots), EngineDescription { name: "OpenAI".to_owned(), device }))
}
