//! Opens the house of the models: llama-server on this machine, or an engine elsewhere.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::{process::Command, time::timeout};
use tracing::warn;
use url::Url;
use worker::{Budget, EngineDescription, Parts, device_name};

use crate::{
    config::Config,
    endpoint::Endpoint,
    house::{House, Memory, Settings},
    llama,
};

/// A program that does not say its version within this time is not llama-server.
const VERSION_LIMIT: Duration = Duration::from_secs(30);

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

/// Opens the house of the models, and says what works in it; none where there is no engine.
pub async fn open(
    engine: Engine,
    config: &Config,
    parts: &Parts,
) -> anyhow::Result<Option<(House, EngineDescription)>> {
    match engine {
        Engine::Llama(llama) => open_here(llama, config, parts).await.map(Some),
        Engine::Elsewhere(url) => open_elsewhere(&url, config).map(Some),
        Engine::Missing => {
            warn!(
                "there is no llama-server beside this program or in PATH, so this worker does nothing: build it with \
                 `cargo xtask engines`, or set ATELIER_TEXT_ENGINE_URL to a server that speaks as OpenAI does"
            );
            Ok(None)
        }
    }
}

async fn open_here(
    llama: llama::Settings,
    config: &Config,
    parts: &Parts,
) -> anyhow::Result<(House, EngineDescription)> {
    let name = version(&llama).await?;
    // llama.cpp takes the first GPU that it finds, if it was built for one.
    let device = if llama.device.is_empty() { "cpu".to_owned() } else { llama.device.clone() };
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
    let memory = Memory::new(ledger, budget.comfortable_mib, &device);
    let settings = Settings { llama, shelf: config.shelf(), memory, idle: config.idle() };
    Ok((House::here(settings, config.text_slots), EngineDescription { name, device }))
}

/// Returns what llama-server calls itself, once it has shown that it runs on this machine.
async fn version(llama: &llama::Settings) -> anyhow::Result<String> {
    let program = llama.program.display();
    let mut asking = Command::new(&llama.program);
    asking.arg("--version").kill_on_drop(true);
    let said = timeout(VERSION_LIMIT, asking.output()).await;
    let said = said.with_context(|| format!("{program} does not say its version"))?;
    let said = said.with_context(|| format!("could not start {program}"))?;
    ensure!(said.status.success(), "{program} does not run on this machine: {}", process::Exit::from(said.status));
    let text = [said.stderr, said.stdout].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let version = text.lines().find_map(|line| line.trim().strip_prefix("version:")).map(str::trim);
    Ok(version.map_or_else(|| "llama.cpp".to_owned(), |version| format!("llama.cpp {version}")))
}

fn open_elsewhere(url: &Url, config: &Config) -> anyhow::Result<(House, EngineDescription)> {
    let endpoint = Endpoint::elsewhere(url, config.text_engine_key.clone());
    let endpoint = endpoint.context("could not make a client for the text engine elsewhere")?;
    let device = url.host_str().unwrap_or_default().to_owned();
    Ok((House::elsewhere(endpoint, config.text_slots), EngineDescription { name: "OpenAI".to_owned(), device }))
}
