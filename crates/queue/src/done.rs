//! What workers finished, on its way to SQL.

use std::time::Duration;

use contract::{JobId, job::Failure, result::JobResult};

use crate::{Error, Queue};

/// The end of one publication of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct DoneEntry {
    /// Its name in the stream, for [`Queue::settle`].
    pub entry_id: String,
    /// Which job.
    pub job_id: JobId,
    /// Which publication of it.
    pub generation: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Attempts used by now.
    pub attempts: u32,
    /// What was made.
    pub result: Option<JobResult>,
    /// Why nothing was made.
    pub failure: Option<Failure>,
    /// Who ran it last.
    pub worker: Option<String>,
}

/// How a publication of a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It made what it was asked for.
    Succeeded,
    /// It cannot be done; another try would not help.
    Failed,
    /// It went wrong; another try may help.
    Retry,
    /// The engine process died under it: counts towards poison.
    Crashed,
    /// Somebody asked for its end.
    Cancelled,
    /// Its last holder disappeared, and there are no attempts left.
    Dead,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: &[Self] = &[Self::Succeeded, Self::Failed, Self::Retry, Self::Crashed, Self::Cancelled, Self::Dead];

    /// Returns the name that stands in the stream.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Retry => "retry",
            Self::Crashed => "crashed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }
}

/// Reads the done stream as one consumer of the group, on its own connection.
pub struct DoneReader {}

impl Queue {
    /// Opens a reader. Each API instance has its own `consumer` name, and keeps it over restarts.
    pub async fn done_reader(&self, _consumer: &str) -> Result<DoneReader, Error> {
        todo!()
    }

    /// Forgets entries after the SQL commit, and their jobs unless these were published again since.
    pub async fn settle(&self, _entries: &[(JobId, u64, String)]) -> Result<(), Error> {
        todo!()
    }
}

impl DoneReader {
    /// Returns what was read and not settled, by this consumer or by one that has been silent for 30 seconds.
    pub async fn pending(&mut self, _count: usize) -> Result<Vec<DoneEntry>, Error> {
        todo!()
    }

    /// Waits up to `block` for new entries.
    pub async fn next(&mut self, _count: usize, _block: Duration) -> Result<Vec<DoneEntry>, Error> {
        todo!()
    }
}
