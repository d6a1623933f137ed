//! Many ended jobs at once: cleared away, or tried again.

use std::{collections::HashSet, time::Duration};

use contract::{JobId, control::ChangedJobs, event::JobChange};

use super::{Dispatch, outage::Trouble};
use crate::db::EndedFilter;

/// How many jobs one transaction changes: some milliseconds, after which others have their turn.
const BATCH: u32 = 250;
/// For how long one request goes on before it says that more is left.
const PATIENCE: Duration = Duration::from_secs(10);

impl Dispatch {
    /// Deletes the records of ended jobs, and nothing else: the files that they made stay.
    pub(crate) async fn clear_jobs(&self, filter: &EndedFilter) -> Result<ChangedJobs, Trouble> {
        let parts = &self.shared.parts;
        let begun = tokio::time::Instant::now();
        // A result without a record would never be swept. SQL has it, so nobody needs it any more.
        let with_results: HashSet<JobId> = parts.assets.list_result_jobs().await?.into_iter().collect();
        let (mut count, mut place) = (0, None);
        loop {
            let (ids, last) = parts.db.list_ended_jobs(filter, place, BATCH).await?;
            if ids.is_empty() {
                return Ok(ChangedJobs { count, has_more: false });
            }
            for id in ids.iter().filter(|id| with_results.contains(id)) {
                parts.assets.delete_results(*id).await?;
            }
            count += parts.db.delete_ended_jobs(&ids, filter.before).await?;
            place = last;
            if begun.elapsed() > PATIENCE {
                return Ok(ChangedJobs { count, has_more: true });
            }
        }
    }

    /// Gives ended jobs another try, at most so many, those submitted first before the others.
    pub(crate) async fn retry_jobs(&self, filter: &EndedFilter, most: u64) -> Result<ChangedJobs, Trouble> {
        let parts = &self.shared.parts;
        let begun = tokio::time::Instant::now();
        let (mut count, mut place) = (0, None);
        loop {
            let room = u32::try_from(most.saturating_sub(count)).unwrap_or(BATCH).min(BATCH);
            let (ids, last) = parts.db.list_ended_jobs(filter, place, room.max(1)).await?;
            if ids.is_empty() {
                return Ok(ChangedJobs { count, has_more: false });
            }
            if room == 0 || begun.elapsed() > PATIENCE {
                return Ok(ChangedJobs { count, has_more: true });
            }
            let retried = parts.db.retry_jobs(&ids, parts.clock.now()).await?;
            count += retried.len() as u64;
            place = last;
            let changes: Vec<_> = retried.into_iter().map(|id| (id, JobChange::Queued)).collect();
            self.shared.announce(&changes).await;
            self.nudge();
        }
    }
}
