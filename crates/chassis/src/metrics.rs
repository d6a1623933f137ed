//! The metrics of this process, and a small door to them for programs that have no HTTP server of their own.

use std::io;

use prometheus::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Returns the registry of this process. Metrics of the process itself are in it.
pub fn registry() -> &'static Registry {
    todo!()
}

/// Returns all metrics in the text format of Prometheus.
#[must_use]
pub fn render() -> String {
    todo!()
}

/// Answers `GET /metrics` and `GET /livez` until `stop` fires.
pub async fn serve(_listener: TcpListener, _stop: CancellationToken) -> io::Result<()> {
    todo!()
}
