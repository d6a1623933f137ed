//! Says that the worker is alive and what it does, for as long as it is.

use std::time::Duration;

use contract::{
    JobId,
    worker::{Resident, Worker, WorkerState},
};
use queue::Queue;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Changes within this time are said together.
const QUIET: Duration = Duration::from_millis(250);
/// Saying good-bye is not worth waiting longer.
const RETIRE_LIMIT: Duration = Duration::from_secs(2);

/// During an outage every how-manieth failure is told.
const SAY_EVERY: u32 = 10;

/// What changes about a worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Presence {
    /// What it is doing.
    pub state: WorkerState,
    /// The job that it runs, or one of them.
    pub job_id: Option<JobId>,
    /// The models in its memory.
    pub residents: Vec<Resident>,
    /// What went wrong last, for people.
    pub last_problem: Option<String>,
}

/// Announces the worker at every beat and after every change, until the other end of `presence` is dropped; then retires it.
pub async fn announce(
    queue: Queue,
    worker: Worker,
    beat: Duration,
    mut presence: watch::Receiver<Presence>,
    stop: CancellationToken,
) {
    let mut unheard: u32 = 0;
    loop {
        let now = presence.borrow_and_update().clone();
        let is_draining = stop.is_cancelled();
        let said = Worker {
            state: if is_draining { WorkerState::Draining } else { now.state },
            job_id: now.job_id,
            resident_models: now.residents.iter().map(|resident| resident.model.clone()).collect(),
            residents: now.residents,
            last_problem: now.last_problem,
            ..worker.clone()
        };
        match queue.announce_worker(&said, beat * 3).await {
            Ok(()) if unheard > 0 => {
                info!("this worker is heard again");
                unheard = 0;
            }
            Ok(()) => {}
            Err(error) => {
                if unheard.is_multiple_of(SAY_EVERY) {
                    warn!("this worker is not heard, and takes no jobs until it is: {:#}", anyhow::Error::from(error));
                }
                unheard += 1;
            }
        }
        tokio::select! {
            changed = presence.changed() => if changed.is_err() { break },
            () = stop.cancelled(), if !is_draining => {}
            () = tokio::time::sleep(beat) => {}
        }
        let over = async { while presence.changed().await.is_ok() {} };
        if tokio::time::timeout(QUIET, over).await.is_ok() {
            break;
        }
    }
    if tokio::time::timeout(RETIRE_LIMIT, queue.retire_worker(&worker.name)).await.is_err() {
        warn!("could not take leave of the queue in time; the announcement of {} lapses by itself", worker.name);
    }
}
