//! The background part of the API: it keeps SQL and Valkey in agreement.
//!
//! - The **pump** publishes what waits in SQL, a window at a time, in fair order.
//! - The **projector** writes to SQL what workers finished, then lets Valkey forget it.
//! - The **watcher** notes in SQL which worker took which job, so that attempts stay counted when Valkey loses its data.
//! - The **keeper** looks after all the rest: reconcile, expired leases, ageing.
//! - The **closer** ends groups whose last cell has ended, and orders their contact sheets.
//! - The **sweep** deletes what nobody needs any more.
//!
//! Each is a loop that no error ends. While Valkey is away they wait for it; SQL goes on taking and showing jobs.

mod ageing;
mod closer;
mod ended;
mod fair;
mod grouping;
mod keeper;
mod metrics;
mod outage;
mod pausing;
mod projector;
mod pump;
mod reconcile;
mod shared;
mod sweep;
mod verdict;
mod watcher;

use std::{sync::Arc, time::Duration};

use ::assets::AssetStore;
use chassis::clock::Clock;
use contract::{
    JobId,
    event::JobChange,
    job::{Job, MoveJob},
};
use queue::{Cancelled, Queue};
use tokio::{sync::broadcast, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub(crate) use self::outage::Trouble;
use self::shared::Shared;
use crate::{
    db::{self, CancelRequest, Db, MoveRequest, RetryRequest},
    failpoint,
};

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
pub struct Dispatch {
    shared: Arc<Shared>,
}

impl Dispatch {
    /// Starts the dispatch. It ends soon after `stop` fires; no error ends it.
    pub fn start(parts: Parts, stop: CancellationToken) -> (Self, JoinHandle<()>) {
        let shared = Arc::new(Shared::new(parts, stop));
        let loops = [
            tokio::spawn(pump::run(shared.clone())),
            tokio::spawn(projector::run(shared.clone())),
            tokio::spawn(watcher::run(shared.clone())),
            tokio::spawn(keeper::run(shared.clone())),
            tokio::spawn(closer::run(shared.clone())),
            tokio::spawn(sweep::run(shared.clone())),
        ];
        let all = tokio::spawn(async move {
            for part in loops {
                if let Err(error) = part.await {
                    tracing::error!("a part of the dispatch ended before its time, this is a bug: {error}");
                }
            }
        });
        (Self { shared }, all)
    }

    /// Says that there may be something to publish: call it after every insert.
    pub fn nudge(&self) {
        self.shared.nudge.notify_one();
    }

    /// Returns the ids of jobs as they end, after it is on record. A receiver that lags must look into SQL.
    #[must_use]
    pub fn ended(&self) -> broadcast::Receiver<JobId> {
        self.shared.ended.subscribe()
    }

    /// Cancels a job wherever it is.
    pub async fn cancel_job(&self, id: JobId) -> Result<CancelRequest, db::Error> {
        let shared = &self.shared;
        let request = shared.parts.db.request_cancel(id, shared.parts.clock.now()).await?;
        failpoint::pass("after_cancel_mark");
        match &request {
            CancelRequest::CancelledNow(_) => shared.announce_ends(&[(id, JobChange::Cancelled)]).await,
            CancelRequest::Requested(_) => match shared.parts.queue.cancel(id).await {
                // It is between SQL and Valkey at this moment, or Valkey has lost it: reconcile passes the wish on.
                Ok(Cancelled::Absent) => shared.reconcile_soon.notify_one(),
                Ok(_) => {}
                Err(error) => shared.trouble("cancelling a job", error.into()),
            },
            CancelRequest::Absent | CancelRequest::AlreadyEnded(_) => {}
        }
        Ok(request)
    }

    /// Gives a failed, dead or cancelled job another try.
    pub async fn retry_job(&self, id: JobId) -> Result<RetryRequest, db::Error> {
        let request = self.shared.parts.db.retry_job(id, self.shared.parts.clock.now()).await?;
        if matches!(request, RetryRequest::Queued(_)) {
            self.shared.announce(&[(id, JobChange::Queued)]).await;
            self.nudge();
        }
        Ok(request)
    }

    /// Puts a waiting job before or behind the others.
    pub async fn move_job(&self, id: JobId, to: &MoveJob) -> Result<MoveRequest, db::Error> {
        let request = self.shared.parts.db.move_job(id, to, self.shared.parts.clock.now()).await?;
        if let MoveRequest::Moved(job) = &request {
            self.redraw(job).await;
            self.nudge();
        }
        Ok(request)
    }

    /// Returns for how long Valkey has not answered; none while it does. Submits still work, reads too.
    #[must_use]
    pub fn queue_away_for(&self) -> Option<Duration> {
        self.shared.queue_outage.lasted()
    }

    /// Takes back what is published of a moved job's line, and the job itself, so that the pump draws it anew.
    async fn redraw(&self, moved: &Job) {
        let line = (moved.kind.worker_kind().as_str(), i64::from(moved.priority.rank()));
        let _window = self.shared.window.lock().await;
        let taken_back = async {
            let window = self.shared.parts.db.list_window().await?;
            let line = window
                .iter()
                .filter(|job| (job.worker_kind.as_str(), job.rank) == line || job.id == moved.id.0)
                .map(|job| (job.id, job.generation));
            pump::recall(&self.shared, &line.collect::<Vec<_>>()).await
        };
        if let Err(error) = taken_back.await {
            self.shared.trouble("moving a published job", error);
        }
    }
}
