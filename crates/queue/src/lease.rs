//! A job in the hands of a worker.

use contract::{
    event::Progress,
    job::{Failure, QueuedJob},
    result::JobResult,
};
use tokio_util::sync::CancellationToken;

use crate::{Error, Outcome};

/// Whether the queue heard the holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Accepted {
    /// This lease ended the attempt.
    Yes,
    /// Somebody else holds the job by now, or it has ended: nothing of this attempt counts.
    Lost,
}

/// A job in the hands of a worker. Its heart beats by itself until it is finished or dropped; dropped, it runs out.
pub struct Lease {
    /// What to do.
    pub job: QueuedJob,
    /// The how-manieth attempt, from 1.
    pub attempt: u32,
    /// After how many attempts it is set aside.
    pub max_attempts: u32,
}

impl Lease {
    /// Returns the random name of this lease, which fences its outputs.
    #[must_use]
    pub fn token(&self) -> &str {
        todo!()
    }

    /// Returns a token that fires when somebody asked for the job's end.
    #[must_use]
    pub fn cancelled(&self) -> CancellationToken {
        todo!()
    }

    /// Returns a token that fires when somebody else holds the job: stop, and discard.
    #[must_use]
    pub fn lost(&self) -> CancellationToken {
        todo!()
    }

    /// Says how far the job is. Never waits; of several reports within 200 ms the last is sent.
    pub fn report(&self, _progress: Progress) {
        todo!()
    }

    /// Ends the job well. Tries until Valkey answers or the lease is lost.
    pub async fn succeed(self, _result: &JobResult) -> Result<Accepted, Error> {
        todo!()
    }

    /// Ends the attempt badly: `Failed`, `Retry` or `Crashed`.
    pub async fn fail(self, _outcome: Outcome, _failure: &Failure) -> Result<Accepted, Error> {
        todo!()
    }

    /// Ends the job because somebody asked for it.
    pub async fn cancel(self) -> Result<Accepted, Error> {
        todo!()
    }

    /// Puts the job back into its lane; the attempt does not count.
    pub async fn release(self) -> Result<Accepted, Error> {
        todo!()
    }
}
