//! Ageing: whoever has waited long without being served moves up one priority, so that nothing starves.

use contract::JobId;

use super::{metrics::Step, outage::Trouble, pump, shared::Shared};
use crate::db::duration_micros;

/// Moves up the first in each line that was not served for the time of the settings.
pub(super) async fn run(shared: &Shared) -> Result<(), Trouble> {
    let now = shared.now();
    let before = now.saturating_sub(duration_micros(shared.parts.settings.ageing));
    let _window = shared.window.lock().await;
    let promoted = shared.parts.db.promote_starving(before, now).await?;
    if promoted.is_empty() {
        return Ok(());
    }
    shared.metrics.count(Step::Promoted, promoted.len());
    for job in &promoted {
        let id = JobId(job.id);
        tracing::info!(job.id = %id, "job {id} has waited long and moves up one priority");
    }
    // What is published stands in the lane of its old rank.
    let published: Vec<_> =
        promoted.iter().filter(|job| job.state == "published").map(|job| (job.id, job.generation)).collect();
    pump::recall(shared, &published).await?;
    shared.nudge.notify_one();
    Ok(())
}
