//! What people change about a whole group: cancel, retry.

use contract::{GroupId, JobId};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::db::{
    Db, Error,
    changes::{CANCEL, RETRY},
    connection::{Writing, values},
    jobs::add_turn,
    row::{JobRow, micros},
};

/// What the wish to cancel a group came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CancelledGroup {
    /// These jobs waited in SQL, and have ended now.
    pub ended: Vec<JobId>,
    /// These are in the queue, which must be told.
    pub requested: Vec<JobId>,
}

impl Db {
    /// Cancels every open job of a group, its contact sheet too. Nothing happens to a group that has none.
    pub async fn cancel_group(&self, id: GroupId, at: OffsetDateTime) -> Result<CancelledGroup, Error> {
        let mut tx = self.begin("cancel a group").await?;
        let open = "SELECT id FROM jobs WHERE group_id = $1 AND state IN ('queued', 'published') ORDER BY id";
        let mut cancelled = CancelledGroup::default();
        for (job,) in tx.fetch_all::<(Uuid,)>(open, values![id.0]).await? {
            let Some(_) = tx.fetch_optional::<JobRow>(CANCEL, values![job, micros(at)]).await? else { continue };
            let sql = "SELECT state FROM jobs WHERE id = $1";
            match tx.fetch_optional::<(String,)>(sql, values![job]).await? {
                Some((state,)) if state == "cancelled" => cancelled.ended.push(JobId(job)),
                _ => cancelled.requested.push(JobId(job)),
            }
        }
        if cancelled != CancelledGroup::default() {
            let sql = "UPDATE job_groups SET cancel_requested = TRUE WHERE id = $1";
            tx.execute(sql, values![id.0]).await?;
        }
        tx.commit().await?;
        Ok(cancelled)
    }

    /// Gives every cell that failed, died or was cancelled a new life; returns them. There will be a new contact sheet.
    pub async fn retry_group(&self, id: GroupId, at: OffsetDateTime) -> Result<Vec<JobId>, Error> {
        let mut tx = self.begin("retry a group").await?;
        let ended = "SELECT id FROM jobs WHERE group_id = $1 AND cell IS NOT NULL \
                     AND state IN ('failed', 'cancelled', 'dead') ORDER BY id";
        let mut retried = Vec::new();
        for (job,) in tx.fetch_all::<(Uuid,)>(ended, values![id.0]).await? {
            let Some(row) = tx.fetch_optional::<JobRow>(RETRY, values![job, micros(at)]).await? else { continue };
            add_turn(&mut tx, job).await?;
            revive_group(&mut tx, &row).await?;
            retried.push(JobId(job));
        }
        tx.commit().await?;
        Ok(retried)
    }
}

/// Lets a group go on one of whose cells has a new life: it ends anew, with a new contact sheet.
pub(in crate::db) async fn revive_group(tx: &mut Writing, job: &JobRow) -> Result<(), Error> {
    let Some(group) = job.group_id.filter(|_| job.cell.is_some()) else { return Ok(()) };
    let sql = "UPDATE job_groups SET ended_at = NULL, sheet_job_id = NULL, cancel_requested = FALSE WHERE id = $1";
    tx.execute(sql, values![group]).await.map(drop)
}
