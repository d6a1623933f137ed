//! The last state of a job, as SQL and the queue know it together, for whoever comes late.

use std::collections::HashMap;

use contract::{
    JobId,
    event::{JobChange, JobEvent},
    job::{Job, JobState},
    socket::Watched,
};
use queue::{Queue, Snapshot};
use time::OffsetDateTime;
use tracing::debug;

use super::hub::Parts;
use crate::db::{self, JobFilter};

/// Who watches all jobs gets the states of this many open ones; the lists have the others.
const MOST_STATES: u32 = 500;

/// Returns the last states of the watched jobs, oldest job first, as events without a place in the stream.
pub(super) async fn last_states(parts: &Parts, watched: &Watched) -> Result<Vec<JobEvent>, db::Error> {
    let jobs = match watched {
        Watched::Jobs(ids) => {
            let mut jobs = Vec::with_capacity(ids.len());
            for id in ids {
                // A job may be watched before it is submitted: its id is the client's choice.
                jobs.extend(parts.db.find_job(*id).await?);
            }
            jobs
        }
        Watched::All => {
            let open = JobFilter { states: vec![JobState::Queued, JobState::Running], ..JobFilter::default() };
            let mut jobs = parts.db.list_jobs(&open, None, MOST_STATES).await?.data;
            jobs.reverse();
            jobs
        }
    };
    let snapshots = snapshots(&parts.queue, &jobs).await;
    let now = parts.clock.now();
    Ok(jobs.into_iter().flat_map(|job| state(&job, snapshots.get(&job.id), now)).collect())
}

/// Fills in how far running jobs are, which only the queue knows. While it does not answer, jobs have no progress.
pub(crate) async fn fill_in_progress(queue: &Queue, jobs: &mut [Job]) {
    let snapshots = snapshots(queue, jobs).await;
    for job in jobs {
        let Some(snapshot) = snapshots.get(&job.id) else { continue };
        if snapshot.is_running {
            job.state = JobState::Running;
            job.attempts = job.attempts.max(snapshot.attempt);
            job.progress.clone_from(&snapshot.progress);
        }
    }
}

/// Returns what the queue knows of those jobs that have not ended.
async fn snapshots(queue: &Queue, jobs: &[Job]) -> HashMap<JobId, Snapshot> {
    let open: Vec<JobId> = jobs.iter().filter(|job| !job.state.is_end()).map(|job| job.id).collect();
    if open.is_empty() {
        return HashMap::new();
    }
    match queue.snapshots(&open).await {
        Ok(found) => open.into_iter().zip(found).filter_map(|(id, snapshot)| Some((id, snapshot?))).collect(),
        Err(error) => {
            debug!("jobs are shown without progress: {:#}", anyhow::Error::from(error));
            HashMap::new()
        }
    }
}

fn state(job: &Job, snapshot: Option<&Snapshot>, now: OffsetDateTime) -> Vec<JobEvent> {
    let event = |at: Option<OffsetDateTime>, change: JobChange| JobEvent {
        id: String::new(),
        job_id: job.id,
        at: at.unwrap_or(now),
        change,
    };
    let ended = |change: Option<JobChange>| change.map(|change| event(job.ended_at, change)).into_iter().collect();
    match job.state {
        JobState::Succeeded => ended(job.result.clone().map(|result| JobChange::Succeeded { result })),
        JobState::Failed => ended(job.failure.clone().map(|failure| JobChange::Failed { failure })),
        JobState::Dead => ended(job.failure.clone().map(|failure| JobChange::Dead { failure })),
        JobState::Cancelled => ended(Some(JobChange::Cancelled)),
        JobState::Queued | JobState::Running => {
            let mut events = match snapshot.filter(|snapshot| snapshot.is_running) {
                Some(Snapshot { worker, attempt, progress, .. }) => {
                    let running = JobChange::Running { worker: worker.clone().unwrap_or_default(), attempt: *attempt };
                    let progress = progress.clone().map(|progress| event(None, JobChange::Progress(progress)));
                    std::iter::once(event(job.started_at, running)).chain(progress).collect()
                }
                None => vec![event(Some(job.submitted_at), JobChange::Queued)],
            };
            events.extend(job.cancel_requested.then(|| event(None, JobChange::CancelRequested)));
            events
        }
    }
}
