//! What people change about a job: cancel, retry, move.

use contract::{
    JobId,
    job::{Job, MoveJob},
};
use time::OffsetDateTime;

use super::{Db, Error};

/// What became of the wish to cancel a job.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one is made a request, and taken apart at once")]
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
#[expect(clippy::large_enum_variant, reason = "one is made a request, and taken apart at once")]
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
#[expect(clippy::large_enum_variant, reason = "one is made a request, and taken apart at once")]
pub enum MoveRequest {
    /// There is no such job.
    Absent,
    /// It runs, or has ended.
    NotWaiting(Job),
    /// It has its new place.
    Moved(Job),
}

impl Db {
    /// Cancels a job that waits in SQL, or notes the wish where the queue has the job.
    pub async fn request_cancel(&self, _id: JobId, _at: OffsetDateTime) -> Result<CancelRequest, Error> {
        todo!()
    }

    /// Gives a failed, dead or cancelled job a new life: attempts from 0, a new generation, no result.
    pub async fn retry_job(&self, _id: JobId, _at: OffsetDateTime) -> Result<RetryRequest, Error> {
        todo!()
    }

    /// Puts a waiting job before or behind the others of its kind and priority.
    pub async fn move_job(&self, _id: JobId, _to: &MoveJob, _at: OffsetDateTime) -> Result<MoveRequest, Error> {
        todo!()
    }
}
