//! The loop of the worker: takes as many jobs as there are slots, and runs them all at once, until told to stop.

mod attempt;
mod crowd;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use contract::{
    text::TextJob,
    worker::{Worker as Announcement, WorkerState},
};
use queue::{Affinity, Consumer, Lease};
use tokio::{sync::watch, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};
use worker::{EngineDescription, Parts, Presence};

use self::crowd::Crowd;
use crate::{house::House, metrics};

/// After an error that is no outage, the queue is asked again after this time.
const PAUSE: Duration = Duration::from_secs(1);
/// Once no job may go on, telling the queue so is not tried longer than this.
const FINISH_LIMIT: Duration = Duration::from_secs(5);
/// Taking leave is not waited for longer.
const LEAVE_LIMIT: Duration = Duration::from_secs(3);

/// Takes jobs and answers them until `stop` fires; those that run then may finish for a while.
///
/// Waits for Valkey and for the API where they are missing. Returns an error only for what waiting cannot mend.
pub async fn run(house: House, engine: EngineDescription, parts: Parts, stop: CancellationToken) -> anyhow::Result<()> {
    let settings = &parts.settings;
    let name = settings.name.clone();
    metrics::begin();
    // While the worker drains, its metrics are still of interest: they go when this function returns.
    let door = CancellationToken::new();
    let _door = door.clone().drop_guard();
    if settings.metrics_port != 0 {
        worker::serve_metrics(settings.metrics_port, door).await?;
    }
    let (house, crowd) = (Arc::new(house), Arc::new(Crowd::default()));
    let opened = worker::until_there(&stop, || parts.queue.text_consumer(&name, settings.lease)).await;
    let Some(mut consumer) = opened.context("could not ask for text jobs")? else { return Ok(()) };

    let announcement = Announcement {
        name: name.clone(),
        kind: settings.kind,
        engine: engine.name,
        device: engine.device,
        memory_mib: house.memory_mib(),
        state: WorkerState::Idle,
        job_id: None,
        resident_models: Vec::new(),
        residents: Vec::new(),
        started_at: parts.clock.now(),
        last_problem: None,
        engine_builds: settings.engine_builds.clone(),
    };
    let (presence, seen) = watch::channel(presence_of(&house, &crowd));
    let beat = settings.lease / 5;
    let announcing = tokio::spawn(worker::announce(parts.queue.clone(), announcement, beat, seen, stop.clone()));
    let watching = tokio::spawn(watch_over(Arc::clone(&house), Arc::clone(&crowd), presence));
    info!(worker.name = name, "worker {name} waits for requests for text");

    let jobs = TaskTracker::new();
    let drained = CancellationToken::new();
    while !stop.is_cancelled() {
        let Some(lease) = next(&mut consumer, &house, &crowd, &stop).await else { continue };
        let seat = crowd.enter(&lease.job.model, lease.job.id);
        let (house, parts, drained) = (Arc::clone(&house), parts.clone(), drained.clone());
        jobs.spawn(async move {
            let _seat = seat;
            Box::pin(attempt::run(lease, &house, &parts, &drained)).await;
        });
    }
    jobs.close();
    info!(worker.name = name, "worker {name} stops; {} jobs may finish", jobs.len());
    if timeout(settings.drain, jobs.wait()).await.is_err() {
        drained.cancel();
        if timeout(FINISH_LIMIT, jobs.wait()).await.is_err() {
            warn!("the queue did not hear in time how {} jobs ended; their leases run out by themselves", jobs.len());
        }
    }
    house.close(settings.grace).await;
    watching.abort();
    // The other end of the presence goes with the task.
    let _ = watching.await;
    if timeout(LEAVE_LIMIT, announcing).await.is_err() {
        warn!("did not take leave of the queue in time; the announcement lapses by itself");
    }
    Ok(())
}

/// Waits for a job; none when the worker must stop, or when other jobs could be taken than a moment ago.
async fn next(
    consumer: &mut Consumer<TextJob>,
    house: &House,
    crowd: &Crowd,
    stop: &CancellationToken,
) -> Option<Lease<TextJob>> {
    // From before the look: what changes behind it is seen.
    let mut changes = (crowd.watch(), house.watch());
    let full = || crowd.full_models(|model| house.slots(model));
    let Some(excluded_models) = full() else {
        // Nothing can be taken at all.
        tokio::select! {
            () = stop.cancelled() => {}
            _ = changes.0.changed() => {}
        }
        return None;
    };
    let affinity =
        Affinity { warm_models: Vec::new(), prefer_warm: true, excluded_models, memory_mib: house.memory_mib() };
    let other_wishes = async {
        while full().is_some_and(|full| full == affinity.excluded_models) {
            tokio::select! {
                Ok(()) = changes.0.changed() => {}
                Ok(()) = changes.1.changed() => {}
                else => return,
            }
        }
    };
    let look_up = stop.child_token();
    let waiting = consumer.next(&affinity, &look_up);
    tokio::pin!(waiting);
    let leased = tokio::select! {
        leased = &mut waiting => leased,
        () = other_wishes => {
            // A job that is just being handed over is not lost: the consumer comes to its end by itself.
            look_up.cancel();
            waiting.await
        }
    };
    match leased {
        Ok(lease) => lease,
        Err(error) => {
            warn!("could not ask for a job: {:#}", anyhow::Error::from(error));
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
            None
        }
    }
}

/// Returns what others are told of this worker.
fn presence_of(house: &House, crowd: &Crowd) -> Presence {
    let job_id = crowd.first();
    let state = if job_id.is_some() { WorkerState::Busy } else { WorkerState::Idle };
    Presence { state, job_id, residents: house.residents(), last_problem: house.last_problem() }
}

/// Tells others what changes about this worker, for ever.
async fn watch_over(house: Arc<House>, crowd: Arc<Crowd>, presence: watch::Sender<Presence>) {
    let mut changes = (crowd.watch(), house.watch());
    loop {
        presence.send_if_modified(|seen| {
            let now = presence_of(&house, &crowd);
            let is_new = *seen != now;
            *seen = now;
            is_new
        });
        tokio::select! {
            Ok(()) = changes.0.changed() => {}
            Ok(()) = changes.1.changed() => {}
            else => return,
        }
    }
}
