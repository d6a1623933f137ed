//! Reads the settings, builds the parts, and runs the worker until it is told to stop.

use std::process::ExitCode;

use chassis::{clock::Clock, lifecycle::stop_on_signals, program::exit_code};
use tokio_util::sync::CancellationToken;
use worker::{Parts, ScriptedEngine};
use worker_sd::{
    config::{Config, EngineName, refused_by_queue},
    sd::SdEngine,
};

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(Box::pin(serve()).await)
}

async fn serve() -> anyhow::Result<()> {
    let config: Config = chassis::load()?;
    let _telemetry = chassis::init_telemetry("atelier-worker-sd", &config.telemetry())?;
    let stop = stop_on_signals();
    match config.engine {
        EngineName::Scripted => {
            let Some(parts) = connect(&config, &stop).await? else { return Ok(()) };
            Box::pin(worker::run(ScriptedEngine::new(config.scripted_step()), parts, stop)).await
        }
        EngineName::Sd => {
            let settings = config.sd_engine()?;
            let Some(parts) = connect(&config, &stop).await? else { return Ok(()) };
            let engine = SdEngine::start(settings, &parts.queue, &parts.settings.name).await?;
            Box::pin(worker::run(engine, parts, stop)).await
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
