//! The metrics of this process, and a small door to them for programs that have no HTTP server of their own.

mod door;

use std::sync::LazyLock;

use prometheus::{Registry, TextEncoder, process_collector::ProcessCollector};
use tracing::error;

pub use door::serve;

/// The media type of [`render`].
pub const MEDIA_TYPE: &str = prometheus::TEXT_FORMAT;

/// Returns the registry of this process. Metrics of the process itself are in it: memory, threads, open files.
pub fn registry() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
        let registry = Registry::new();
        if let Err(error) = registry.register(Box::new(ProcessCollector::for_self())) {
            error!("metrics of the process are missing: {error}");
        }
        registry
    });
    &REGISTRY
}

/// Returns all metrics in the text format of Prometheus.
#[must_use]
pub fn render() -> String {
    TextEncoder::new().encode_to_string(&registry().gather()).unwrap_or_else(|error| {
        error!("metrics could not be written: {error}");
        String::new()
    })
}
