//! Who waits for which job. A job that came through a side door ends when nobody waits for it any more.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::body::Bytes;
use contract::JobId;
use tokio::time::{Instant, sleep};
use tracing::debug;

use crate::http::Api;

/// For how long a repetition finds the job of the request before it.
const REMEMBERED_FOR: Duration = Duration::from_secs(10 * 60);

/// Through which door a job came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    OpenAi,
    A1111,
}

/// Who waits for which job, in this process.
#[derive(Debug, Default)]
pub(crate) struct Attendance(Mutex<HashMap<JobId, Entry>>);

#[derive(Debug)]
struct Entry {
    visitor: Visitor,
    waiting: usize,
    left_at: Instant,
    /// How far it was when it was interrupted.
    last_preview: Option<Bytes>,
}

/// Who asks, and for what.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) door: Door,
    pub(crate) owner: String,
    /// What was asked for, for those who repeat themselves.
    pub(crate) request: blake3::Hash,
    /// How long the job goes on without anybody, because a client that was cut off comes back.
    pub(crate) grace: Duration,
}

/// Somebody who waits for a job. The job is cancelled when the last one leaves before its end.
pub(crate) struct Seat {
    api: Arc<Api>,
    job: JobId,
    has_ended: bool,
}

impl Attendance {
    /// Lets somebody wait for a job.
    pub(crate) fn enter(api: &Arc<Api>, job: JobId, visitor: Visitor) -> Seat {
        let mut entries = api.attendance.lock();
        entries.retain(|_, entry| entry.waiting > 0 || entry.left_at.elapsed() < REMEMBERED_FOR);
        let entry = entries.entry(job);
        entry.or_insert(Entry { visitor, waiting: 0, left_at: Instant::now(), last_preview: None }).waiting += 1;
        drop(entries);
        Seat { api: Arc::clone(api), job, has_ended: false }
    }

    /// Returns the job of the same request, if it came not long ago. The newest counts.
    pub(crate) fn find_repeated(&self, door: Door, owner: &str, request: &blake3::Hash) -> Option<JobId> {
        let entries = self.lock();
        let same = entries.iter().filter(|(_, entry)| {
            let Visitor { door: known, owner: other, request: earlier, .. } = &entry.visitor;
            (*known, other.as_str(), earlier) == (door, owner, request)
        });
        // Ids sort by the time at which they were made.
        same.map(|(job, _)| *job).max()
    }

    /// Returns the jobs that somebody waits for at this door, oldest first.
    pub(crate) fn waited_for(&self, door: Door, owner: &str) -> Vec<JobId> {
        let entries = self.lock();
        let theirs = entries
            .iter()
            .filter(|(_, entry)| entry.waiting > 0 && entry.visitor.door == door && entry.visitor.owner == owner);
        let mut jobs: Vec<JobId> = theirs.map(|(job, _)| *job).collect();
        jobs.sort_unstable();
        jobs
    }

    /// Keeps how far a job was, for those who wait for it.
    pub(crate) fn keep_preview(&self, job: JobId, frame: Bytes) {
        if let Some(entry) = self.lock().get_mut(&job) {
            entry.last_preview = Some(frame);
        }
    }

    /// Returns how far a job was when it was interrupted.
    pub(crate) fn take_preview(&self, job: JobId) -> Option<Bytes> {
        self.lock().get_mut(&job)?.last_preview.take()
    }

    fn is_waited_for(&self, job: JobId) -> bool {
        self.lock().get(&job).is_some_and(|entry| entry.waiting > 0)
    }

    /// Returns how long the job may go on without anybody; none if somebody else waits still.
    fn leave(&self, job: JobId) -> Option<Duration> {
        let mut entries = self.lock();
        let entry = entries.get_mut(&job)?;
        entry.waiting = entry.waiting.saturating_sub(1);
        entry.left_at = Instant::now();
        (entry.waiting == 0).then_some(entry.visitor.grace)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Notes that the job has ended, so that leaving changes nothing.
    pub(crate) fn note_end(&mut self) {
        self.has_ended = true;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(grace) = self.api.attendance.leave(self.job) else { return };
        // A server that stops sends everybody away; their jobs go on, and who comes back finds them.
        if self.has_ended || self.api.stop.is_cancelled() {
            return;
        }
        let (api, job) = (Arc::clone(&self.api), self.job);
        tokio::spawn(async move {
            sleep(grace).await;
            if api.attendance.is_waited_for(job) || api.stop.is_cancelled() {
                return;
            }
            debug!(job.id = %job, "nobody waits for job {job} any more");
            if let Err(error) = api.dispatch.cancel_job(job).await {
                tracing::warn!(job.id = %job, "could not cancel job {job}: {:#}", anyhow::Error::from(error));
            }
        });
    }
}
