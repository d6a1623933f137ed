//! Reads the settings, builds the parts, and runs the worker until it is told to stop.

use std::process::ExitCode;

use chassis::{clock::Clock, lifecycle::stop_on_signals, program::exit_code};
use tokio_util::sync::CancellationToken;
use worker::Parts;
use worker_llm::{
    config::{Config, refused_by_queue},
    engine,
};

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(Box::pin(serve()).await)
}

async fn serve() -> anyhow::Result<()> {
    let config: Config = chassis::load()?;
    let _telemetry = chassis::init_telemetry("atelier-worker-llm", &config.telemetry())?;
    let stop = stop_on_signals();
    let choice = config.engine()?;
    let Some(parts) = connect(&config, &stop).await? else { return Ok(()) };
    match engine::open(choice, &config, &parts).await? {
        Some((house, description)) => Box::pin(worker_llm::run(house, description, parts, stop)).await,
        None => {
            // Who wants no text should not see a service that fails.
            stop.cancelled().await;
            Ok(())
        }
    }
}

/// Returns what the worker is made of; none when it must stop before Valkey is there.
async fn connect(config: &Config, stop: &CancellationToken) -> anyhow::Result<Option<Parts>> {
    let assets = config.open_assets()?;
    let connected = worker::connect(config.valkey_url.expose(), &config.queue_prefix, stop).await;
    let Some(queue) = connected.map_err(refused_by_queue)? else { return Ok(None) };
    Ok(Some(Parts { queue, assets, clock: Clock::system(), settings: config.worker() }))
}
