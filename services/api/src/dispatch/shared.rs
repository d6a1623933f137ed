//! What the loops of the dispatch share.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use contract::{JobId, event::JobChange};
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use super::{
    Parts,
    fair::Room,
    metrics::Metrics,
    outage::{Outage, Pause, Trouble},
    watcher::Place,
};
use crate::db::micros;

/// Ends that a slow receiver may be behind before it must look into SQL.
const ENDS_KEPT: usize = 1024;

pub(super) struct Shared {
    pub(super) parts: Parts,
    pub(super) stop: CancellationToken,
    /// Fires once Valkey has its functions, and what it lost while nobody looked is put back.
    pub(super) prepared: CancellationToken,
    /// There may be something to publish.
    pub(super) nudge: Notify,
    /// SQL and Valkey may differ.
    pub(super) reconcile_soon: Notify,
    /// The last cell of a group may have ended.
    pub(super) close_soon: Notify,
    /// Who holds it moves jobs between SQL and the window. In this process one at a time; between processes generations decide.
    pub(super) window: tokio::sync::Mutex<()>,
    /// How far the events are applied.
    pub(super) place: tokio::sync::Mutex<Place>,
    pub(super) ended: broadcast::Sender<JobId>,
    pub(super) queue_outage: Outage,
    pub(super) db_outage: Outage,
    pub(super) assets_outage: Outage,
    pub(super) metrics: &'static Metrics,
    idle_workers: Mutex<HashMap<String, u32>>,
}

impl Shared {
    pub(super) fn new(parts: Parts, stop: CancellationToken) -> Self {
        Self {
            parts,
            stop,
            prepared: CancellationToken::new(),
            nudge: Notify::new(),
            reconcile_soon: Notify::new(),
            close_soon: Notify::new(),
            window: tokio::sync::Mutex::default(),
            place: tokio::sync::Mutex::default(),
            ended: broadcast::channel(ENDS_KEPT).0,
            queue_outage: Outage::default(),
            db_outage: Outage::default(),
            assets_outage: Outage::default(),
            metrics: Metrics::of_this_process(),
            idle_workers: Mutex::default(),
        }
    }

    /// Returns the time as the tables hold it.
    pub(super) fn now(&self) -> i64 {
        micros(self.parts.clock.now())
    }

    /// Notes that a step failed.
    pub(super) fn trouble(&self, step: &str, error: Trouble) {
        match &error {
            Trouble::Queue(_) => self.queue_outage.begin(step, error),
            Trouble::Db(_) => self.db_outage.begin(step, error),
            Trouble::Assets(_) => self.assets_outage.begin(step, error),
        }
    }

    /// Waits until Valkey is prepared, or the dispatch stops.
    pub(super) async fn until_prepared(&self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.prepared.cancelled() => {}
        }
    }

    /// Waits before the next try; returns at once when the dispatch stops.
    pub(super) async fn rest(&self, pause: &mut Pause) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(pause.next()) => {}
        }
    }

    /// Tells the watchers. Who misses it sees it in SQL.
    pub(super) async fn announce(&self, changes: &[(JobId, JobChange)]) {
        let changes: Vec<(JobId, &JobChange)> = changes.iter().map(|(id, change)| (*id, change)).collect();
        if let Err(error) = self.parts.queue.announce_all(&changes).await {
            self.trouble("telling the watchers", error.into());
        }
    }

    /// Tells the watchers and whoever waits in this process of ends that are on record.
    pub(super) async fn announce_ends(&self, changes: &[(JobId, JobChange)]) {
        for (id, change) in changes {
            self.metrics.count_end(change);
            if is_end(change) {
                // Without a receiver nobody waits.
                let _ = self.ended.send(*id);
            }
        }
        self.close_soon.notify_one();
        self.announce(changes).await;
    }

    /// Returns how much may be published.
    pub(super) fn room(&self) -> Room {
        Room {
            per_kind: self.parts.settings.window_per_kind.max(1),
            per_owner: self.parts.settings.window_per_owner.max(1),
            idle_workers: self.idle_workers.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Notes how many workers have nothing to do; returns whether there are more of them than before.
    pub(super) fn set_idle_workers(&self, idle: HashMap<String, u32>) -> bool {
        let mut before = self.idle_workers.lock().unwrap_or_else(PoisonError::into_inner);
        let has_more = idle.iter().any(|(kind, count)| *count > before.get(kind).copied().unwrap_or(0));
        *before = idle;
        has_more
    }
}

/// Returns whether the job has ended with this.
pub(super) fn is_end(change: &JobChange) -> bool {
    match change {
        JobChange::Succeeded { .. } | JobChange::Failed { .. } | JobChange::Cancelled | JobChange::Dead { .. } => true,
        JobChange::Queued
        | JobChange::Running { .. }
        | JobChange::Progress(_)
        | JobChange::CancelRequested
        | JobChange::Retrying { .. } => false,
    }
}
