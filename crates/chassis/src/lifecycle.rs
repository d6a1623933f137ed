//! How a service stops: softly on the first signal, at once on the second.

use std::{future::Future, time::Duration};

use tokio_util::sync::CancellationToken;

/// Returns a token that fires on the first SIGTERM or SIGINT. The second one ends the process at once.
/// Must be called within a runtime.
pub fn stop_on_signals() -> CancellationToken {
    todo!()
}

/// Runs `work` to its end. Once `stop` fired it has `grace` left; then it is dropped and none is returned.
pub async fn finish_within<T>(
    _stop: &CancellationToken,
    _grace: Duration,
    _work: impl Future<Output = T>,
) -> Option<T> {
    todo!()
}
