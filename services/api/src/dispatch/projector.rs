//! The projector: writes to SQL what workers finished, then lets Valkey forget it.
//!
//! Commit, then announce, then settle: whoever dies in between finds the entry again and repeats the rest,
//! which changes nothing in SQL and tells the watchers a second time at worst.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use contract::JobId;
use queue::{DoneEntry, DoneReader, Outcome};

use super::{
    outage::{Pause, Trouble},
    shared::Shared,
    verdict::judge,
    watcher,
};
use crate::{db::conclusion::Report, failpoint};

/// All instances read as one consumer, so that a new one finds at once what its predecessor left.
/// Two that live may see an entry twice: the second finds its generation concluded.
const CONSUMER: &str = "api";
/// How many ends one transaction takes. The bench of the queue settles as many at once.
const BATCH: usize = 256;
/// How long a read waits, which bounds the time to stop.
const BLOCK: Duration = Duration::from_millis(250);
/// How often to look for entries that were read and never settled.
const LOOK_BACK_EVERY: Duration = Duration::from_secs(10);

/// Projects until the dispatch stops.
pub(super) async fn run(shared: Arc<Shared>) {
    shared.until_prepared().await;
    let mut pause = Pause::new();
    while !shared.stop.is_cancelled() {
        match shared.parts.queue.done_reader(CONSUMER).await {
            Ok(reader) => {
                if let Err(error) = follow(&shared, reader, &mut pause).await {
                    shared.trouble("recording the ends of jobs", error);
                }
            }
            Err(error) => shared.trouble("opening the stream of ends", error.into()),
        }
        shared.rest(&mut pause).await;
    }
}

async fn follow(shared: &Shared, mut reader: DoneReader, pause: &mut Pause) -> Result<(), Trouble> {
    let mut looked_back = None;
    while !shared.stop.is_cancelled() {
        if looked_back.is_none_or(|at: Instant| at.elapsed() > LOOK_BACK_EVERY) {
            let left = reader.pending(BATCH).await?;
            // A full batch that was settled makes room to see the next one.
            if !project(shared, &left).await? || left.len() < BATCH {
                looked_back = Some(Instant::now());
            }
        } else {
            let entries = reader.next(BATCH, BLOCK).await?;
            project(shared, &entries).await?;
        }
        pause.reset();
    }
    Ok(())
}

/// Records, announces and settles; returns whether every entry could be recorded.
async fn project(shared: &Shared, entries: &[DoneEntry]) -> Result<bool, Trouble> {
    if entries.is_empty() {
        return Ok(true);
    }
    // What began before it ended must stand before it in SQL too.
    watcher::catch_up(shared).await?;
    let Err(error) = record(shared, entries).await else { return Ok(true) };
    if matches!(error, Trouble::Queue(_)) || shared.parts.db.ping().await.is_err() {
        return Err(error);
    }
    // The database works, so one of the entries is bad: the others must not wait for it.
    let mut all_recorded = true;
    for entry in entries {
        match record(shared, std::slice::from_ref(entry)).await {
            Ok(()) => {}
            Err(error @ Trouble::Queue(_)) => return Err(error),
            Err(error) => {
                all_recorded = false;
                let id = entry.job_id;
                let error = anyhow::Error::new(error);
                tracing::error!(job.id = %id, "the end of job {id} cannot be recorded: {error:#}");
            }
        }
    }
    Ok(all_recorded)
}

async fn record(shared: &Shared, entries: &[DoneEntry]) -> Result<(), Trouble> {
    let (now, backoff) = (shared.now(), shared.parts.settings.backoff);
    let reports: Vec<(Report, &DoneEntry)> = entries.iter().map(|entry| (report(entry), entry)).collect();
    let judged = shared.parts.db.conclude(&reports, now, |entry, standing| judge(entry, standing, backoff, now));
    let told = judged.await?;
    failpoint::pass("after_commit");
    shared.announce_ends(&told).await;
    failpoint::pass("before_settle");
    let settled: Vec<(JobId, u64, String)> =
        entries.iter().map(|entry| (entry.job_id, entry.generation, entry.entry_id.clone())).collect();
    shared.parts.queue.settle(&settled).await?;
    failpoint::pass("after_settle");
    shared.nudge.notify_one();
    Ok(())
}

fn report(entry: &DoneEntry) -> Report {
    Report {
        job_id: entry.job_id,
        generation: entry.generation,
        attempts: entry.attempts,
        worker: entry.worker.clone(),
        // The attempts of a job that the queue closed itself ended with their worker.
        outcome: if entry.outcome == Outcome::Dead { "lost" } else { entry.outcome.as_str() },
    }
}
