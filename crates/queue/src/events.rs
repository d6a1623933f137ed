//! What happens to jobs: a stream that can be replayed.

use std::time::Duration;

use contract::{
    JobId,
    event::{JobChange, JobEvent, Progress},
};

use crate::{Error, Queue};

/// The last known state of an open job, for whoever connects late.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Whether a worker has it.
    pub is_running: bool,
    /// Which worker.
    pub worker: Option<String>,
    /// Attempts used by now, the running one included.
    pub attempt: u32,
    /// How far it is.
    pub progress: Option<Progress>,
}

/// Follows the events on its own connection.
pub struct EventReader {}

impl Queue {
    /// Returns the id of the latest event; `0-0` if there is none.
    pub async fn last_event_id(&self) -> Result<String, Error> {
        todo!()
    }

    /// Returns the id of the oldest event that can still be replayed.
    pub async fn first_event_id(&self) -> Result<Option<String>, Error> {
        todo!()
    }

    /// Returns events after an id, oldest first.
    pub async fn events_after(&self, _id: &str, _count: usize) -> Result<Vec<JobEvent>, Error> {
        todo!()
    }

    /// Opens a reader of the events after an id.
    pub async fn event_reader(&self, _after: String) -> Result<EventReader, Error> {
        todo!()
    }

    /// Returns the last known state of jobs; none where the queue does not know them.
    pub async fn snapshots(&self, _ids: &[JobId]) -> Result<Vec<Option<Snapshot>>, Error> {
        todo!()
    }

    /// Tells everybody of a change that the API has committed to SQL.
    pub async fn announce(&self, _id: JobId, _change: &JobChange) -> Result<(), Error> {
        todo!()
    }
}

impl EventReader {
    /// Waits up to `block` for events; empty if there are none.
    pub async fn next(&mut self, _block: Duration) -> Result<Vec<JobEvent>, Error> {
        todo!()
    }
}
