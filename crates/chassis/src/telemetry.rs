//! Logs on standard error, and traces to an OTLP collector where one is set.

mod context;
mod export;

use std::io::IsTerminal as _;

use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::Deserialize;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::settings;

pub use context::{continue_trace, current_traceparent};

/// How this process is seen from outside: the part of the settings that every service has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Telemetry {
    /// What is logged, as `RUST_LOG` writes it: `info`, `debug,hyper=warn`.
    pub log: String,
    /// For whom it is logged.
    pub log_format: LogFormat,
    /// Where traces go: `http://127.0.0.1:4318`. Empty: nowhere.
    pub otlp_endpoint: String,
}

/// For whom the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// Sends the traces that are still here when it is dropped, which takes no longer than a second and a half.
/// Keep it until the end of `main`.
#[derive(Debug)]
#[must_use = "traces end when this is dropped"]
pub struct Guard(Option<SdkTracerProvider>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(provider) = self.0.take() {
            export::finish(&provider);
        }
    }
}

/// Switches logs and traces on. Once a process.
pub fn init_telemetry(service: &'static str, settings: &Telemetry) -> anyhow::Result<Guard> {
    let filter = EnvFilter::try_new(&settings.log)
        .map_err(|error| settings::Error::unusable("log", format_args!("is no filter: {error}")))?;
    let log = fmt::layer().with_writer(std::io::stderr);
    let log = match settings.log_format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).boxed(),
    };
    let provider = match settings.otlp_endpoint.as_str() {
        "" => None,
        endpoint => Some(export::start(service, endpoint)?),
    };
    let traces = provider.as_ref().map(|provider| export::layer(service, provider));
    tracing_subscriber::registry().with(log.with_filter(filter)).with(traces).try_init()?;
    Ok(Guard(provider))
}
