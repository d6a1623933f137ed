//! How a service stops: softly on the first signal, at once on the second.

use std::{future::Future, pin::pin, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Returns a token that fires on the first SIGTERM or SIGINT. The second one kills the process.
/// Must be called within a runtime.
#[must_use]
pub fn stop_on_signals() -> CancellationToken {
    let stop = CancellationToken::new();
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(terminate), Ok(interrupt)) => {
            tokio::spawn(listen(terminate, interrupt, stop.clone()));
        }
        (Err(error), _) | (_, Err(error)) => {
            error!("signals cannot be heard, so this process stops at once when it is told to: {error}");
        }
    }
    stop
}

async fn listen(mut terminate: Signal, mut interrupt: Signal, stop: CancellationToken) {
    let name = next(&mut terminate, &mut interrupt).await;
    info!("{name} received: stopping; a second signal ends the process at once");
    stop.cancel();
    let name = next(&mut terminate, &mut interrupt).await;
    warn!("{name} received again: ending at once");
    // Not `exit`: that runs what is registered for the end and may hang there, which the second signal is the remedy for.
    // The rest of the system must survive a killed process anyway.
    if let Err(error) = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL) {
        error!("this process could not end itself: {error}");
    }
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

/// Runs `work` to its end. Once `stop` has fired it has `grace` left; then it is dropped and none is returned.
pub async fn finish_within<T>(stop: &CancellationToken, grace: Duration, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return Some(done),
        () = stop.cancelled() => {}
    }
    tokio::time::timeout(grace, work).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_does_not_end_is_dropped_when_its_grace_is_over() {
        let stop = CancellationToken::new();
        stop.cancel();
        assert_eq!(finish_within(&stop, Duration::from_secs(20), std::future::pending::<()>()).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_ends_within_its_grace_is_kept() {
        let stop = CancellationToken::new();
        stop.cancel();
        let work = async {
            tokio::time::sleep(Duration::from_secs(19)).await;
            "done"
        };
        assert_eq!(finish_within(&stop, Duration::from_secs(20), work).await, Some("done"));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_stop_work_may_take_as_long_as_it_likes() {
        let work = tokio::time::sleep(Duration::from_secs(1000));
        assert_eq!(finish_within(&CancellationToken::new(), Duration::ZERO, work).await, Some(()));
    }
}
