//! Reads the settings and serves until it is told to stop; or does one of the small jobs of an administrator.

use std::process::ExitCode;

use api::{
    command::{Arguments, run},
    config::Config,
};
use chassis::{lifecycle::stop_on_signals, program::exit_code};
use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    exit_code(runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(start(arguments))))
}

async fn start(arguments: Arguments) -> anyhow::Result<()> {
    if let Some(command) = arguments.command {
        return run(command).await;
    }
    let config: Config = chassis::load()?;
    let _telemetry = chassis::init_telemetry("atelier-api", &config.telemetry())?;
    api::serve(config, stop_on_signals()).await
}
