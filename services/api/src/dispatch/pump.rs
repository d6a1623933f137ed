//! The pump: publishes what waits in SQL, a window at a time, in fair order.

use std::{sync::Arc, time::Duration};

use contract::{
    JobId,
    event::JobChange,
    job::{Failure, FailureCode},
};
use queue::Publication;
use uuid::Uuid;

use super::{
    fair,
    metrics::Step,
    outage::{Pause, Trouble},
    pausing,
    shared::Shared,
};
use crate::{
    db::{
        conclusion::{Report, Verdict},
        window::Marked,
    },
    failpoint,
};

/// The pump looks this often without being asked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Publishes until the dispatch stops.
pub(super) async fn run(shared: Arc<Shared>) {
    shared.until_prepared().await;
    let mut pause = Pause::new();
    let mut wait = LOOK_EVERY;
    loop {
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = shared.nudge.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
        wait = LOOK_EVERY;
        // What cannot be published must not be marked as published. The keeper nudges when Valkey is back.
        while shared.queue_outage.lasted().is_none() && !shared.stop.is_cancelled() {
            match step(&shared).await {
                Ok(true) => pause.reset(),
                Ok(false) => {
                    wait = until_next_due(&shared).await;
                    break;
                }
                Err(error) => {
                    shared.trouble("publishing jobs", error);
                    shared.rest(&mut pause).await;
                    break;
                }
            }
        }
    }
}

/// Returns how long nothing will be due.
async fn until_next_due(shared: &Shared) -> Duration {
    let now = shared.now();
    match shared.parts.db.next_run_at(now).await {
        Ok(Some(at)) => LOOK_EVERY.min(Duration::from_micros(at.saturating_sub(now).unsigned_abs())),
        Ok(None) => LOOK_EVERY,
        Err(error) => {
            shared.trouble("looking for the next due job", error.into());
            LOOK_EVERY
        }
    }
}

/// Publishes what there is room for; returns whether there may be more to do.
async fn step(shared: &Shared) -> Result<bool, Trouble> {
    let db = &shared.parts.db;
    let _window = shared.window.lock().await;
    let room = shared.room();
    let window = db.list_window().await?;
    pausing::take_back_paused(shared, &window).await?;
    let turns = fair::promising(&window, db.list_turns().await?, &room);
    let now = shared.now();
    let heads = db.list_heads(&turns, room.per_owner, now).await?;
    let plan = fair::plan(&window, &heads, &turns, &room);
    if !plan.recall.is_empty() {
        recall(shared, &plan.recall).await?;
        return Ok(true);
    }
    if plan.publish.is_empty() {
        return Ok(false);
    }
    let marked = db.mark_published(&plan.publish, now).await?;
    failpoint::pass("after_mark_published");
    publish(shared, marked).await?;
    failpoint::pass("after_publish");
    Ok(true)
}

async fn publish(shared: &Shared, marked: Vec<Marked>) -> Result<(), Trouble> {
    let publications: Vec<Publication> = marked.into_iter().map(|job| publication(shared, job)).collect();
    match shared.parts.queue.publish(&publications).await {
        Ok(_) => {
            shared.metrics.count(Step::Published, publications.len());
            Ok(())
        }
        // Whatever did not arrive stands in SQL as published and not in Valkey: reconcile puts it back.
        Err(error) if error.is_outage() => Err(error.into()),
        Err(_) => publish_one_by_one(shared, &publications).await,
    }
}

/// Finds the job that the queue does not take, and ends it: it must not hold up the others for ever.
async fn publish_one_by_one(shared: &Shared, publications: &[Publication]) -> Result<(), Trouble> {
    for publication in publications {
        match shared.parts.queue.publish(std::slice::from_ref(publication)).await {
            Ok(_) => shared.metrics.count(Step::Published, 1),
            Err(error) if error.is_outage() => return Err(error.into()),
            Err(error) => {
                let id = publication.job.id;
                let error = anyhow::Error::new(error);
                tracing::error!(job.id = %id, "job {id} cannot be published and is set aside: {error:#}");
                let failure = Failure {
                    code: FailureCode::Rejected,
                    message: format!("the queue did not take the job: {error}"),
                    remedy: Some("submit it again with a shorter prompt".to_owned()),
                };
                let report = Report {
                    job_id: id,
                    generation: publication.generation,
                    attempts: 0,
                    worker: None,
                    outcome: "failed",
                };
                let reports = [(report, failure)];
                let fail = |failure: &Failure, _| Verdict::Failed(failure.clone());
                let told = shared.parts.db.conclude(&reports, shared.now(), fail).await?;
                shared.announce_ends(&told).await;
            }
        }
    }
    Ok(())
}

fn publication(shared: &Shared, marked: Marked) -> Publication {
    Publication {
        job: marked.job,
        generation: marked.generation,
        rank: marked.rank,
        model: marked.model,
        attempts: marked.attempts,
        max_attempts: marked.max_attempts,
        lease: shared.parts.settings.lease,
        cancel_requested: marked.cancel_requested,
    }
}

/// Takes published jobs that no worker has back in line. The caller holds the window.
pub(super) async fn recall(shared: &Shared, jobs: &[(Uuid, i64)]) -> Result<(), Trouble> {
    if jobs.is_empty() {
        return Ok(());
    }
    let ids: Vec<JobId> = jobs.iter().map(|(id, _)| JobId(*id)).collect();
    let taken = shared.parts.queue.recall(&ids).await?;
    failpoint::pass("after_recall");
    let taken: Vec<(Uuid, i64)> =
        jobs.iter().zip(taken).filter(|(_, is_taken)| *is_taken).map(|(job, _)| *job).collect();
    let cancelled = shared.parts.db.take_back(&taken, shared.now()).await?;
    shared.metrics.count(Step::Recalled, taken.len());
    let changes: Vec<_> = cancelled.into_iter().map(|id| (id, JobChange::Cancelled)).collect();
    shared.announce_ends(&changes).await;
    Ok(())
}
