//! The background part of the API: it keeps SQL and Valkey in agreement.

use std::time::Duration;

use assets::AssetStore;
use chassis::clock::Clock;
use contract::{JobId, job::MoveJob};
use queue::Queue;
use tokio::{sync::broadcast, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::db::{self, CancelRequest, Db, MoveRequest, RetryRequest};

/// What the dispatch works with.
#[derive(Clone)]
pub struct Parts {
    /// The record.
    pub db: Db,
    /// The transport.
    pub queue: Queue,
    /// Results that no worker could report lie here.
    pub assets: AssetStore,
    /// What time it is.
    pub clock: Clock,
    /// How it works.
    pub settings: Settings,
}

/// How the dispatch works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long a worker may be silent before another takes the job over.
    pub lease: Duration,
    /// The pause before the second attempt; it doubles with each further one.
    pub backoff: Duration,
    /// Waiting jobs in Valkey of one kind and priority, beyond one for each idle worker.
    pub window_per_kind: u32,
    /// Waiting jobs in Valkey of one owner, kind and priority.
    pub window_per_owner: u32,
    /// After how long without service the first in line moves up one priority.
    pub ageing: Duration,
    /// How old a file without a record must be before it is deleted.
    pub sweep_after: Duration,
}

/// A handle on the dispatch; cheap to clone.
#[derive(Clone)]
pub struct Dispatch {}

impl Dispatch {
    /// Starts the dispatch. It ends soon after `stop` fires; no error ends it.
    pub fn start(_parts: Parts, _stop: CancellationToken) -> (Self, JoinHandle<()>) {
        todo!()
    }

    /// Says that there may be something to publish: call it after every insert.
    pub fn nudge(&self) {
        todo!()
    }

    /// Returns the ids of jobs as they end, after it is on record. A receiver that lags must look into SQL.
    pub fn ended(&self) -> broadcast::Receiver<JobId> {
        todo!()
    }

    /// Cancels a job wherever it is.
    pub async fn cancel_job(&self, _id: JobId) -> Result<CancelRequest, db::Error> {
        todo!()
    }

    /// Gives a failed, dead or cancelled job another try.
    pub async fn retry_job(&self, _id: JobId) -> Result<RetryRequest, db::Error> {
        todo!()
    }

    /// Puts a waiting job before or behind the others.
    pub async fn move_job(&self, _id: JobId, _to: &MoveJob) -> Result<MoveRequest, db::Error> {
        todo!()
    }

    /// Returns for how long Valkey has not answered; none while it does. Submits still work, reads too.
    pub fn queue_away_for(&self) -> Option<Duration> {
        todo!()
    }
}
