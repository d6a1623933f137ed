//! What the API does with jobs: publish, cancel, recall, reap, purge.

use std::time::Duration;

use contract::{JobId, job::QueuedJob, spec::WorkerKind};

use crate::{Error, Queue};

/// A job on its way into the window.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// All that the worker needs.
    pub job: QueuedJob,
    /// Counts the publications of this job; written to SQL before.
    pub generation: u64,
    /// How urgent it is: 0 is served first.
    pub rank: u8,
    /// The model that it needs; the lane is made from it.
    pub model: String,
    /// Attempts that were used already.
    pub attempts: u32,
    /// Attempts that there are in all.
    pub max_attempts: u32,
    /// How long a worker may be silent before another takes the job over.
    pub lease: Duration,
    /// Whether somebody has already asked for its end.
    pub cancel_requested: bool,
}

/// What became of the request to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The queue does not know the job.
    Absent,
    /// It waited, and is taken out; the done stream says so.
    Cancelled,
    /// A worker has it and was told.
    Requested,
    /// It has ended, and only waits to be settled.
    Finished,
}

impl Queue {
    /// Publishes jobs; true for each that was published, false where that generation was there already.
    pub async fn publish(&self, _publications: &[Publication]) -> Result<Vec<bool>, Error> {
        todo!()
    }

    /// Cancels a job: at once if it waits, by a word to its worker if it runs.
    pub async fn cancel(&self, _id: JobId) -> Result<Cancelled, Error> {
        todo!()
    }

    /// Takes jobs that still wait back out of the window; true for each that was taken back.
    pub async fn recall(&self, _ids: &[JobId]) -> Result<Vec<bool>, Error> {
        todo!()
    }

    /// Closes expired leases that nobody may take over: cancelled, or out of attempts.
    pub async fn reap(&self, _kind: WorkerKind, _lease: Duration) -> Result<(), Error> {
        todo!()
    }

    /// Returns the published generation of each job; none where the queue does not know it.
    pub async fn generations(&self, _ids: &[JobId]) -> Result<Vec<Option<u64>>, Error> {
        todo!()
    }

    /// Lists the jobs that the queue knows.
    pub async fn open_jobs(&self) -> Result<Vec<JobId>, Error> {
        todo!()
    }

    /// Removes all traces of a job that SQL knows as ended.
    pub async fn purge(&self, _id: JobId) -> Result<(), Error> {
        todo!()
    }
}
