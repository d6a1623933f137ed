//! Reads the settings, builds the parts, and runs the worker until it is told to stop.

use std::process::ExitCode;

use chassis::{lifecycle::stop_on_signals, program::exit_code};
use worker::{Settings, open_parts};
use worker_llm::{config::Config, engine};

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(Box::pin(serve()).await)
}

async fn serve() -> anyhow::Result<()> {
    let config: Config = chassis::load()?;
    let _telemetry = chassis::init_telemetry("atelier-worker-llm", &config.telemetry())?;
    let stop = stop_on_signals();
    let Some(chosen) = stop.run_until_cancelled(engine::choose(&config)).await else { return Ok(()) };
    let chosen = chosen?;
    let settings = Settings { engine_builds: chosen.builds, ..config.worker() };
    let opened = open_parts(&config.valkey_url, &config.queue_prefix, &config.assets_url, settings, &stop).await?;
    let Some(parts) = opened else { return Ok(()) };
    match engine::open(chosen.engine, &config, &parts).await? {
        Some((house, description)) => Box::pin(worker_llm::run(house, description, parts, stop)).await,
        None => {
            // Who wants no text should not see a service that fails.
            stop.cancelled().await;
            Ok(())
        }
    }
}
