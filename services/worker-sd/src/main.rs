//! Reads the settings, builds the parts, and runs the worker until it is told to stop.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use assets::AssetStore;
use chassis::{clock::Clock, lifecycle::stop_on_signals, program::exit_code, settings};
use worker::{Parts, ScriptedEngine};
use worker_sd::config::{Config, EngineName, refused_by_queue};

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(serve().await)
}

async fn serve() -> anyhow::Result<()> {
    let config: Config = chassis::load()?;
    let _telemetry = chassis::init_telemetry("atelier-worker-sd", &config.telemetry())?;
    let stop = stop_on_signals();
    let assets = AssetStore::open(&config.assets_url).context("could not open the store of files")?;
    let connected = worker::connect(config.valkey_url.expose(), &config.queue_prefix, &stop).await;
    let Some(queue) = connected.map_err(refused_by_queue)? else { return Ok(()) };
    let parts = Parts { queue, assets, clock: Clock::system(), settings: config.worker() };
    match config.engine {
        EngineName::Scripted => {
            let step = Duration::from_millis(config.scripted_step_ms);
            worker::run(ScriptedEngine::new(step), parts, stop).await
        }
        EngineName::Sd => Err(settings::Error::unusable("engine", "must be scripted in this build").into()),
    }
}
