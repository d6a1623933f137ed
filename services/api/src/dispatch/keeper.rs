//! The keeper: looks whether Valkey is there and the same as before, and calls whoever has to do something about it.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use contract::{spec::WorkerKind, worker::WorkerState};

use super::{
    ageing,
    outage::{Pause, Trouble},
    reconcile::{self, Trust},
    shared::Shared,
    watcher,
};

const TICK: Duration = Duration::from_secs(1);
const RECONCILE_EVERY: Duration = Duration::from_secs(3);

/// What the keeper remembers from one look to the next.
#[derive(Default)]
struct Memory {
    run_id: Option<String>,
    reconciled: Option<Instant>,
    reaped: Option<Instant>,
}

/// Looks until the dispatch stops.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut memory = Memory::default();
    let mut pause = Pause::new();
    let mut was_asked = false;
    loop {
        match look(&shared, &mut memory, was_asked).await {
            Ok(()) => {
                pause.reset();
                if shared.parts.db.ping().await.is_ok() {
                    shared.db_outage.end();
                }
                tokio::select! {
                    () = shared.stop.cancelled() => return,
                    () = shared.reconcile_soon.notified() => was_asked = true,
                    () = tokio::time::sleep(TICK) => was_asked = false,
                }
            }
            Err(error) => {
                shared.trouble("looking after the queue", error);
                shared.rest(&mut pause).await;
                if shared.stop.is_cancelled() {
                    return;
                }
            }
        }
    }
}

async fn look(shared: &Shared, memory: &mut Memory, was_asked: bool) -> Result<(), Trouble> {
    let queue = &shared.parts.queue;
    let run_id = queue.run_id().await?;
    let was_away = shared.queue_outage.lasted().is_some();
    if was_away || memory.run_id.as_ref() != Some(&run_id) {
        // It may have lost its data, functions and all; whatever it does not have now is gone.
        queue.prepare().await?;
        watcher::check_place(shared).await?;
        reconcile::run(shared, Trust::Nothing).await?;
        memory.run_id = Some(run_id);
        memory.reconciled = Some(Instant::now());
        shared.queue_outage.end();
        shared.prepared.cancel();
        shared.nudge.notify_one();
    } else if was_asked || is_due(memory.reconciled, RECONCILE_EVERY) {
        reconcile::run(shared, Trust::Recent).await?;
        memory.reconciled = Some(Instant::now());
    }
    if is_due(memory.reaped, shared.parts.settings.lease / 3) {
        for kind in WorkerKind::ALL {
            queue.reap(*kind, shared.parts.settings.lease).await?;
        }
        memory.reaped = Some(Instant::now());
    }
    if shared.set_idle_workers(idle_workers(shared).await?) {
        shared.nudge.notify_one();
    }
    ageing::run(shared).await
}

fn is_due(last: Option<Instant>, every: Duration) -> bool {
    last.is_none_or(|last| last.elapsed() >= every)
}

/// Counts the workers that have nothing to do, by kind.
async fn idle_workers(shared: &Shared) -> Result<HashMap<String, u32>, Trouble> {
    let mut idle = HashMap::new();
    for worker in shared.parts.queue.workers().await? {
        if worker.state == WorkerState::Idle {
            *idle.entry(worker.kind.as_str().to_owned()).or_default() += 1;
        }
    }
    Ok(idle)
}
