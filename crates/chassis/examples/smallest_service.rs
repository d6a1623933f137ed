//! The smallest service: its settings, its parts, and one call. It waits for the signal to stop and says what it sees.
//!
//! The tests start it as a process; its first argument, if there is one, is the `traceparent` of whoever asked for it.

use std::{process::ExitCode, time::Duration};

use chassis::{
    lifecycle, metrics,
    program::exit_code,
    settings,
    telemetry::{self, Telemetry},
};
use serde::Deserialize;
use tokio::net::TcpListener;
use tracing::{debug, info, info_span};

#[derive(Deserialize)]
struct Config {
    metrics_port: u16,
    drain_s: u64,
}

fn main() -> ExitCode {
    exit_code(run())
}

fn run() -> anyhow::Result<()> {
    let config: Config = settings::load()?;
    let _guard = telemetry::init_telemetry("smallest", &settings::load::<Telemetry>()?)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(wait(&config))
}

async fn wait(config: &Config) -> anyhow::Result<()> {
    let stop = lifecycle::stop_on_signals();
    let listener = TcpListener::bind(("127.0.0.1", config.metrics_port)).await?;
    info!(address = %listener.local_addr()?, "metrics are served");
    tokio::spawn(metrics::serve(listener, stop.clone()));

    debug!(drain_s = config.drain_s, "settings read");

    let span = info_span!("request");
    telemetry::continue_trace(&span, std::env::args().nth(1).as_deref());
    span.in_scope(|| info!(traceparent = telemetry::current_traceparent(), "ready"));
    drop(span);

    let work = std::future::pending::<()>();
    lifecycle::finish_within(&stop, Duration::from_secs(config.drain_s), work).await;
    info!("stopped");
    Ok(())
}
