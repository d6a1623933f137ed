//! Reads the settings, builds the parts, and runs the worker until it is told to stop.

use std::process::ExitCode;

use chassis::{clock::Clock, lifecycle::stop_on_signals, program::exit_code};
use tokio_util::sync::CancellationToken;
use worker::{Engine, Parts, ScriptedEngine};
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
        EngineName::Scripted => Box::pin(work(ScriptedEngine::new(config.scripted_step()), &config, stop)).await,
        EngineName::Sd => Box::pin(work(SdEngine::start(config.sd_engine()?).await?, &config, stop)).await,
    }
}

async fn work(engine: impl Engine, config: &Config, stop: CancellationToken) -> anyhow::Result<()> {
    let assets = config.open_assets()?;
    let connected = worker::connect(config.valkey_url.expose(), &config.queue_prefix, &stop).await;
    let Some(queue) = connected.map_err(refused_by_queue)? else { return Ok(()) };
    let parts = Parts { queue, assets, clock: Clock::system(), settings: config.worker() };
    worker::run(engine, parts, stop).await
}
