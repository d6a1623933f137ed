//! Sends previews to those who watch: the latest, and no more than five a second.

use std::{convert::Infallible, future, time::Duration};

use bytes::Bytes;
use contract::{JobId, preview::Preview};
use queue::Queue;
use tokio::sync::watch;
use tracing::debug;

use crate::engine::PreviewReport;

/// Between two previews.
const PAUSE: Duration = Duration::from_millis(200);

/// Sends what the engine shows. Ends only by being dropped.
pub(crate) async fn forward(
    queue: &Queue,
    job_id: JobId,
    mut previews: watch::Receiver<Option<PreviewReport>>,
) -> Infallible {
    while previews.changed().await.is_ok() {
        let Some(latest) = previews.borrow_and_update().clone() else { continue };
        let frame = Preview { job_id, step: latest.step, jpeg: &latest.jpeg }.encode();
        if let Err(error) = queue.publish_preview(job_id, Bytes::from(frame)).await {
            debug!(job.id = %job_id, "a preview was not sent: {:#}", anyhow::Error::from(error));
        }
        tokio::time::sleep(PAUSE).await;
    }
    future::pending().await
}
