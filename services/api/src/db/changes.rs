//! What people change about a job: cancel, retry, move.

use contract::{
    JobId,
    job::{Job, MoveJob, Place},
};
use time::OffsetDateTime;

use super::{
    Db, Error,
    connection::values,
    groups::revive_group,
    jobs::{add_turn, job_as_it_is},
    row::{JobRow, job_columns, micros},
};

/// What became of the wish to cancel a job.
#[derive(Debug, Clone, PartialEq)]
pub enum CancelRequest {
    /// There is no such job.
    Absent,
    /// It had ended before.
    AlreadyEnded(Job),
    /// It waited in SQL, and has ended now.
    CancelledNow(Job),
    /// It is in the queue: the wish is on record, and the queue must be told.
    Requested(Job),
}

/// What became of the wish for another try.
#[derive(Debug, Clone, PartialEq)]
pub enum RetryRequest {
    /// There is no such job.
    Absent,
    /// It has not ended, or it ended well.
    NotRetryable(Job),
    /// It waits again.
    Queued(Job),
}

/// What became of the wish to move a job.
#[derive(Debug, Clone, PartialEq)]
pub enum MoveRequest {
    /// There is no such job.
    Absent,
    /// It runs, or has ended.
    NotWaiting(Job),
    /// It has its new place.
    Moved(Job),
}

pub(super) const CANCEL: &str = concat!(
    "UPDATE jobs SET cancel_requested = TRUE, \
        ended_at = CASE state WHEN 'queued' THEN $2 ELSE ended_at END, \
        state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END \
     WHERE id = $1 AND state IN ('queued', 'published') RETURNING ",
    job_columns!()
);

pub(super) const RETRY: &str = concat!(
    "UPDATE jobs SET state = 'queued', generation = generation + 1, attempts = 0, crashes = 0, is_running = FALSE, \
        cancel_requested = FALSE, paused = FALSE, rank = priority, placed = 0, position = $2, run_at = $2, ranked_at = $2, \
        result = NULL, failure = NULL, published_at = NULL, started_at = NULL, ended_at = NULL \
     WHERE id = $1 AND state IN ('failed', 'cancelled', 'dead') RETURNING ",
    job_columns!()
);

/// The new place lies before (or behind) every other that was given by a move, among the waiting jobs of its rank.
const MOVE: &str = concat!(
    "UPDATE jobs SET placed = $2, priority = COALESCE($3, priority), rank = COALESCE($3, rank), ranked_at = $4, \
        position = $2 + COALESCE((SELECT MAX($2 * others.position) FROM jobs AS others \
            WHERE others.placed = $2 AND others.worker_kind = jobs.worker_kind \
              AND others.state IN ('queued', 'published') \
              AND others.rank = COALESCE($3, jobs.rank)), $2 * $4) * $2 \
     WHERE id = $1 AND (state = 'queued' OR (state = 'published' AND NOT is_running)) RETURNING ",
    job_columns!()
);

impl Db {
    /// Cancels a job that waits in SQL, or notes the wish where the queue has the job.
    pub async fn request_cancel(&self, id: JobId, at: OffsetDateTime) -> Result<CancelRequest, Error> {
        let mut tx = self.begin("cancel a job").await?;
        let changed: Option<JobRow> = tx.fetch_optional(CANCEL, values![id.0, micros(at)]).await?;
        let Some(row) = changed else {
            return Ok(job_as_it_is(&mut tx, id.0).await?.map_or(CancelRequest::Absent, CancelRequest::AlreadyEnded));
        };
        tx.commit().await?;
        let job = Job::try_from(row)?;
        Ok(if job.state.is_end() { CancelRequest::CancelledNow(job) } else { CancelRequest::Requested(job) })
    }

    /// Gives a failed, dead or cancelled job a new life: attempts from 0, a new generation, no result.
    pub async fn retry_job(&self, id: JobId, at: OffsetDateTime) -> Result<RetryRequest, Error> {
        let mut tx = self.begin("retry a job").await?;
        let changed: Option<JobRow> = tx.fetch_optional(RETRY, values![id.0, micros(at)]).await?;
        let Some(row) = changed else {
            return Ok(job_as_it_is(&mut tx, id.0).await?.map_or(RetryRequest::Absent, RetryRequest::NotRetryable));
        };
        add_turn(&mut tx, id.0).await?;
        revive_group(&mut tx, &row).await?;
        tx.commit().await?;
        Ok(RetryRequest::Queued(row.try_into()?))
    }

    /// Puts a waiting job before or behind the others of its kind and priority.
    pub async fn move_job(&self, id: JobId, to: &MoveJob, at: OffsetDateTime) -> Result<MoveRequest, Error> {
        let placed = match to.to {
            Place::Front => -1_i64,
            Place::Back => 1,
        };
        let rank = to.priority.map(|priority| i64::from(priority.rank()));
        let mut tx = self.begin("move a job").await?;
        let moved: Option<JobRow> = tx.fetch_optional(MOVE, values![id.0, placed, rank, micros(at)]).await?;
        let Some(row) = moved else {
            return Ok(job_as_it_is(&mut tx, id.0).await?.map_or(MoveRequest::Absent, MoveRequest::NotWaiting));
        };
        add_turn(&mut tx, id.0).await?;
        tx.commit().await?;
        Ok(MoveRequest::Moved(row.try_into()?))
    }
}
