//! Pause and resume: whether workers get anything new. What runs goes on, and jobs are accepted all the same.

use contract::spec::WorkerKind;

use super::{Dispatch, outage::Trouble, pump, shared::Shared};
use crate::db::{self, window::Waiting};

impl Dispatch {
    /// Keeps everything new from these workers, and takes back what lies ready for them.
    ///
    /// Other instances see it before they publish anything; what they were publishing at this moment their pump takes back.
    pub async fn pause(&self, kinds: &[WorkerKind]) -> Result<(), db::Error> {
        let shared = &self.shared;
        shared.parts.db.pause(kinds, shared.parts.clock.now()).await?;
        let _window = shared.window.lock().await;
        let taken_back = async { take_back_paused(shared, &shared.parts.db.list_window().await?).await };
        // The pump tries again until it succeeds.
        if let Err(error) = taken_back.await {
            shared.trouble("taking back what lies ready for paused workers", error);
        }
        Ok(())
    }

    /// Lets these workers have jobs again.
    pub async fn resume(&self, kinds: &[WorkerKind]) -> Result<(), db::Error> {
        self.shared.parts.db.resume(kinds).await?;
        self.nudge();
        Ok(())
    }
}

/// Takes back the jobs of this window whose workers are paused. The caller holds the window.
pub(super) async fn take_back_paused(shared: &Shared, window: &[Waiting]) -> Result<(), Trouble> {
    let paused = window.iter().filter(|job| job.is_paused).map(|job| (job.id, job.generation));
    pump::recall(shared, &paused.collect::<Vec<_>>()).await
}
