//! Waiting for the queue: a worker that starts before Valkey or before the API says so, and goes on when they are there.

use std::time::Duration;

use queue::{Consumer, Error, Queue};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::parts::Settings;

/// Between two tries.
const PAUSE: Duration = Duration::from_secs(3);

/// Connects to Valkey, however long that takes; none when `stop` fires first.
/// Only what waiting cannot mend is an error: a wrong address, another version of the queue.
pub async fn connect(url: &str, prefix: &str, stop: &CancellationToken) -> Result<Option<Queue>, Error> {
    until_there(stop, || Queue::connect(url, prefix)).await
}

/// Opens the consumer, however long that takes; none when `stop` fires first.
pub(crate) async fn open_consumer(
    queue: &Queue,
    settings: &Settings,
    name: &str,
    stop: &CancellationToken,
) -> Result<Option<Consumer>, Error> {
    until_there(stop, || queue.consumer(settings.kind, name, settings.lease)).await
}

/// Tries something that needs Valkey, however long that takes; none when `stop` fires first.
pub async fn until_there<T, F: Future<Output = Result<T, Error>>>(
    stop: &CancellationToken,
    mut attempt: impl FnMut() -> F,
) -> Result<Option<T>, Error> {
    loop {
        let error = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(None),
            outcome = attempt() => match outcome {
                Ok(there) => return Ok(Some(there)),
                Err(error) if error.is_outage() => error,
                Err(error) => return Err(error),
            },
        };
        warn!("{:#}; trying again in {} s", anyhow::Error::from(error), PAUSE.as_secs());
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
