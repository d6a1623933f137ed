//! What a worker does: wait for a job.

use std::time::Duration;

use contract::spec::WorkerKind;
use tokio_util::sync::CancellationToken;

use crate::{Error, Lease, Queue};

/// Which jobs a worker prefers at the moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Affinity {
    /// The models in its memory, best first.
    pub warm_models: Vec<String>,
    /// Whether their lanes come first; false (the residency quantum is used up): they come last.
    pub prefer_warm: bool,
    /// Models that failed to load here.
    pub excluded_models: Vec<String>,
}

/// The worker's side of the queue: one for each worker process, any number of leases at once.
pub struct Consumer {}

impl Queue {
    /// Opens a consumer: its own blocking connection, and a thread that beats for all its leases and hears cancels.
    pub async fn consumer(&self, _kind: WorkerKind, _worker: &str, _lease: Duration) -> Result<Consumer, Error> {
        todo!()
    }
}

impl Consumer {
    /// Waits for a job; none when `stop` fires. Outages are waited out.
    pub async fn next(&mut self, _affinity: &Affinity, _stop: &CancellationToken) -> Result<Option<Lease>, Error> {
        todo!()
    }
}
