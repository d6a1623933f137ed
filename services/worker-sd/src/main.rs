//! Reads the settings, builds the parts, and runs the worker until it is told to stop.

use std::process::ExitCode;

use chassis::{lifecycle::stop_on_signals, program::exit_code};
use tokio_util::sync::CancellationToken;
use worker::{Parts, ScriptedEngine, Settings};
use worker_sd::{
    choice,
    config::{Config, EngineName},
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
            let Some(parts) = open(&config, config.worker(), &stop).await? else { return Ok(()) };
            Box::pin(worker::run(ScriptedEngine::new(config.scripted_step()), parts, stop)).await
        }
        EngineName::Sd => {
            let Some(chosen) = stop.run_until_cancelled(choice::choose(&config)).await else { return Ok(()) };
            let chosen = chosen?;
            let settings = Settings { engine_builds: chosen.builds, ..config.worker() };
            let Some(parts) = open(&config, settings, &stop).await? else { return Ok(()) };
            let engine = config.sd_engine(chosen.program);
            let engine = SdEngine::start(engine, &parts.queue, &parts.settings.name).await?;
            Box::pin(worker::run(engine, parts, stop)).await
        }
    }
}

/// Returns what the worker is made of; none when it must stop before Valkey is there.
async fn open(config: &Config, settings: Settings, stop: &CancellationToken) -> anyhow::Result<Option<Parts>> {
    worker::open_parts(&config.valkey_url, &config.queue_prefix, &config.assets_url, settings, stop).await
}
