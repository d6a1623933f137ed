//! Reconcile: what SQL has published must be in Valkey, and what has ended in SQL must not.
//!
//! Everything in Valkey can be deleted at any time, or come back as an older image; this is what repairs it.

use std::time::Duration;

use contract::{JobId, event::JobChange, result::JobResult};

use super::{metrics::Step, outage::Trouble, shared::Shared, watcher};
use crate::{
    db::{
        conclusion::{Report, Verdict},
        duration_micros,
        sightings::{Seen, Sighting},
        upkeep::Published,
    },
    failpoint,
};

/// A publication of another instance may still be on its way to Valkey.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// How far to believe that a missing job is only on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Valkey was away or has restarted: what is missing is lost.
    Nothing,
    /// Valkey was there: what was published just now may still arrive.
    Recent,
}

/// Compares SQL and Valkey once, and repairs.
pub(super) async fn run(shared: &Shared, trust: Trust) -> Result<(), Trouble> {
    if is_switched_off() {
        return Ok(());
    }
    let queue = &shared.parts.queue;
    // Nothing is between SQL and Valkey while we hold the window, at least in this process.
    let _window = shared.window.lock().await;
    watcher::catch_up(shared).await?;
    let published = shared.parts.db.list_published().await?;
    let ids: Vec<JobId> = published.iter().map(|job| JobId(job.id)).collect();
    let generations = queue.generations(&ids).await?;
    let newest = match trust {
        Trust::Nothing => i64::MAX,
        Trust::Recent => shared.now().saturating_sub(duration_micros(ON_ITS_WAY)),
    };
    let is_there =
        |job: &Published, known: Option<u64>| known.and_then(|known| i64::try_from(known).ok()) >= Some(job.generation);
    let (there, missing): (Vec<_>, Vec<_>) =
        published.into_iter().zip(generations).partition(|(job, known)| is_there(job, *known));
    let lost: Vec<Published> =
        missing.into_iter().map(|(job, _)| job).filter(|job| job.published_at <= newest).collect();
    let there: Vec<Published> = there.into_iter().map(|(job, _)| job).collect();

    let lost = adopt(shared, lost).await?;
    put_back(shared, &lost).await?;
    pass_on_cancellations(shared, &there).await?;
    correct_what_runs(shared, &there).await?;
    purge_ended(shared).await
}

/// Returns whether the fault run wants to see what happens without this.
fn is_switched_off() -> bool {
    cfg!(debug_assertions) && std::env::var_os("ATELIER_WITHOUT_RECONCILE").is_some_and(|value| value == "1")
}

/// Records the lost jobs whose worker had stored the result before Valkey forgot them. Returns the others.
async fn adopt(shared: &Shared, lost: Vec<Published>) -> Result<Vec<Published>, Trouble> {
    let mut rest = Vec::new();
    let mut adopted: Vec<(Report, JobResult)> = Vec::new();
    for job in lost {
        let id = JobId(job.id);
        match shared.parts.assets.find_result(id).await {
            Ok(Some(result)) => {
                let generation = u64::try_from(job.generation).unwrap_or(0);
                adopted
                    .push((Report { job_id: id, generation, attempts: 0, worker: None, outcome: "succeeded" }, result));
            }
            Ok(None) => rest.push(job),
            // Perhaps there is a result: the job stays as it is until the store answers.
            Err(error) => shared.trouble("looking for results", error.into()),
        }
    }
    if adopted.is_empty() {
        return Ok(rest);
    }
    shared.assets_outage.end();
    let succeed = |result: &JobResult, _| Verdict::Succeeded(result.clone());
    let told = shared.parts.db.conclude(&adopted, shared.now(), succeed).await?;
    failpoint::pass("after_adopt");
    shared.metrics.count(Step::Adopted, told.len());
    for (id, _) in &told {
        tracing::info!(job.id = %id, "Valkey lost job {id}, whose result was stored: it has succeeded");
    }
    shared.announce_ends(&told).await;
    Ok(rest)
}

/// Puts lost jobs back in line.
async fn put_back(shared: &Shared, lost: &[Published]) -> Result<(), Trouble> {
    if lost.is_empty() {
        return Ok(());
    }
    tracing::info!(jobs = lost.len(), "Valkey lost {} jobs: they are published again", lost.len());
    let jobs: Vec<_> = lost.iter().map(|job| (job.id, job.generation)).collect();
    let cancelled = shared.parts.db.take_back(&jobs, shared.now()).await?;
    failpoint::pass("after_put_back");
    shared.metrics.count(Step::PutBack, lost.len());
    let changes: Vec<_> = cancelled.into_iter().map(|id| (id, JobChange::Cancelled)).collect();
    shared.announce_ends(&changes).await;
    shared.nudge.notify_one();
    Ok(())
}

/// Tells Valkey again whose end somebody asked for.
async fn pass_on_cancellations(shared: &Shared, there: &[Published]) -> Result<(), Trouble> {
    for job in there.iter().filter(|job| job.cancel_requested) {
        shared.parts.queue.cancel(JobId(job.id)).await?;
    }
    Ok(())
}

/// Corrects who runs, where the events that told of it were lost.
async fn correct_what_runs(shared: &Shared, there: &[Published]) -> Result<(), Trouble> {
    let ids: Vec<JobId> = there.iter().map(|job| JobId(job.id)).collect();
    let snapshots = shared.parts.queue.snapshots(&ids).await?;
    let at = shared.now();
    let sightings = there.iter().zip(snapshots).filter_map(|(job, snapshot)| {
        let snapshot = snapshot.filter(|snapshot| snapshot.is_running != job.is_running)?;
        let seen = match snapshot.worker {
            Some(worker) if snapshot.is_running => Seen::Taken { worker, attempt: snapshot.attempt },
            _ => Seen::Lost,
        };
        Some(Sighting { job_id: JobId(job.id), at, seen })
    });
    let sightings: Vec<Sighting> = sightings.collect();
    if !sightings.is_empty() {
        shared.parts.db.apply_sightings(&sightings).await?;
    }
    Ok(())
}

/// Removes jobs from Valkey that have ended in SQL: they came back with an older image of its data.
async fn purge_ended(shared: &Shared) -> Result<(), Trouble> {
    let open = shared.parts.queue.open_jobs().await?;
    let ended = shared.parts.db.list_ended(&open).await?;
    for id in &ended {
        shared.parts.queue.purge(*id).await?;
    }
    shared.metrics.count(Step::Purged, ended.len());
    Ok(())
}
