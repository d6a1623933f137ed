//! How much waits and runs.

use std::time::Duration;

use contract::spec::WorkerKind;

use crate::{Error, Queue, connection::function};

/// How much waits and runs in Valkey, of one kind of worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Published jobs that wait for a worker.
    pub queued: u64,
    /// Jobs that workers have.
    pub running: u64,
    /// How long the oldest waiting job has waited since it was published.
    pub oldest_queued: Duration,
}

impl Queue {
    /// Returns how much waits and runs.
    pub async fn depth(&self, kind: WorkerKind) -> Result<Depth, Error> {
        let call = function("atelier_v1_depth", &[self.keys().lanes(kind)]);
        let (queued, running, oldest_ms) = self.query("count the jobs in Valkey", &call).await?;
        Ok(Depth { queued, running, oldest_queued: Duration::from_millis(oldest_ms) })
    }
}
