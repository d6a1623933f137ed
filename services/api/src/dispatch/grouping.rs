//! What people do with a whole group at once.

use contract::{GroupId, JobId, event::JobChange};
use queue::Cancelled;

use super::Dispatch;
use crate::{
    db::{self, CancelledGroup},
    failpoint,
};

impl Dispatch {
    /// Cancels every open job of a group.
    pub async fn cancel_group(&self, id: GroupId) -> Result<CancelledGroup, db::Error> {
        let shared = &self.shared;
        let cancelled = shared.parts.db.cancel_group(id, shared.parts.clock.now()).await?;
        failpoint::pass("after_cancel_mark");
        let ended: Vec<_> = cancelled.ended.iter().map(|id| (*id, JobChange::Cancelled)).collect();
        shared.announce_ends(&ended).await;
        for id in &cancelled.requested {
            match shared.parts.queue.cancel(*id).await {
                // It is between SQL and Valkey at this moment, or Valkey has lost it: reconcile passes the wish on.
                Ok(Cancelled::Absent) => shared.reconcile_soon.notify_one(),
                Ok(_) => {}
                Err(error) => {
                    shared.trouble("cancelling a group", error.into());
                    break;
                }
            }
        }
        shared.close_soon.notify_one();
        Ok(cancelled)
    }

    /// Gives every cell of a group that failed, died or was cancelled another try.
    pub async fn retry_group(&self, id: GroupId) -> Result<Vec<JobId>, db::Error> {
        let retried = self.shared.parts.db.retry_group(id, self.shared.parts.clock.now()).await?;
        let changes: Vec<_> = retried.iter().map(|id| (*id, JobChange::Queued)).collect();
        self.shared.announce(&changes).await;
        self.nudge();
        Ok(retried)
    }
}
