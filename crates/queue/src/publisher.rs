//! What the API does with jobs: publish, cancel, recall, reap, purge.

use std::time::Duration;

use contract::{JobId, job::QueuedJob, spec::WorkerKind};

use crate::{
    Error, Queue,
    connection::function,
    keys::{Keys, lane_name},
};

/// How large the JSON of a job may be. The longest prompts of the front door, in the longest letters, stay well below.
pub const MAX_JOB_BYTES: usize = 256 << 10;

/// How many commands go out in one pipeline, and how many jobs one function call may touch.
const BATCH: usize = 128;

/// A job on its way into the window.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// All that the worker needs.
    pub job: QueuedJob,
    /// Counts the publications of this job; it is raised in SQL before it is published.
    pub generation: u64,
    /// How urgent it is: 0 is served first.
    pub rank: u8,
    /// The model that it needs; the lane is made from it.
    pub model: String,
    /// Attempts that were used already.
    pub attempts: u32,
    /// Attempts that there are in all.
    pub max_attempts: u32,
    /// How long a worker may be silent before another takes the job over.
    pub lease: Duration,
    /// Whether somebody has already asked for its end.
    pub cancel_requested: bool,
}

/// What became of the request to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The queue does not know the job.
    Absent,
    /// It waited, and is taken out; the done stream says so.
    Cancelled,
    /// A worker has it and was told.
    Requested,
    /// It has ended, and only waits to be settled. If it ended with a retry, it is for the API not to try again.
    Finished,
}

impl Publication {
    fn call(&self, keys: &Keys) -> Result<redis::Cmd, Error> {
        let kind = self.job.spec.kind().worker_kind();
        let lane = lane_name(kind, self.rank, &self.model);
        let json = to_json("a job", &self.job, MAX_JOB_BYTES)?;
        let mut call = function(
            "atelier_v1_publish",
            &[keys.job(self.job.id), keys.lane(&lane), keys.lanes(kind), keys.wake(kind)],
        );
        call.arg(self.job.id.to_string()).arg(self.generation).arg(lane).arg(self.rank).arg(json);
        call.arg(self.attempts).arg(self.max_attempts).arg(milliseconds(self.lease));
        call.arg(u8::from(self.cancel_requested));
        Ok(call)
    }
}

impl Queue {
    /// Publishes jobs; true for each that was published, false where that generation was there already.
    ///
    /// Nothing is announced: the API announces a job when SQL has it. After a failure some may be published and some
    /// not; publishing all of them again does no harm.
    pub async fn publish(&self, publications: &[Publication]) -> Result<Vec<bool>, Error> {
        let mut published = Vec::with_capacity(publications.len());
        for batch in publications.chunks(BATCH) {
            let mut calls = redis::pipe();
            for publication in batch {
                calls.add_command(publication.call(self.keys())?);
            }
            let answers: Vec<bool> = self.query_all("publish jobs", &calls).await?;
            published.extend(answers);
        }
        Ok(published)
    }

    /// Cancels a job: at once if it waits, by a word to its worker if it runs.
    pub async fn cancel(&self, id: JobId) -> Result<Cancelled, Error> {
        let keys = self.keys();
        let mut call = function("atelier_v1_cancel", &[keys.job(id), keys.done(), keys.events()]);
        call.arg(id.to_string()).arg(keys.control(""));
        let answer: String = self.query("cancel a job", &call).await?;
        match answer.as_str() {
            "absent" => Ok(Cancelled::Absent),
            "cancelled" => Ok(Cancelled::Cancelled),
            "requested" => Ok(Cancelled::Requested),
            "finished" => Ok(Cancelled::Finished),
            _ => Err(Error::Reply { action: "the request to cancel a job", reply: answer }),
        }
    }

    /// Takes jobs that still wait back out of the window; true for each that was taken back, of which no trace is left.
    pub async fn recall(&self, ids: &[JobId]) -> Result<Vec<bool>, Error> {
        let mut recalled = Vec::with_capacity(ids.len());
        for batch in ids.chunks(BATCH) {
            let jobs: Vec<String> = batch.iter().map(|id| self.keys().job(*id)).collect();
            let answers: Vec<bool> = self.query("recall jobs", &function("atelier_v1_recall", &jobs)).await?;
            recalled.extend(answers);
        }
        Ok(recalled)
    }

    /// Closes expired leases that nobody may take over: cancelled, or out of attempts. What others may take over is left.
    ///
    /// Does nothing while the connection has not been well for a whole lease: the holders may be about to beat again.
    pub async fn reap(&self, kind: WorkerKind, lease: Duration) -> Result<(), Error> {
        if !self.is_calm_for(lease) {
            return Ok(());
        }
        let mut call = function("atelier_v1_reap", &[self.keys().lanes(kind), self.keys().done()]);
        call.arg(milliseconds(lease));
        self.query::<u64>("reap expired leases", &call).await.map(drop)
    }

    /// Returns the published generation of each job; none where the queue does not know it.
    pub async fn generations(&self, ids: &[JobId]) -> Result<Vec<Option<u64>>, Error> {
        let mut generations = Vec::with_capacity(ids.len());
        for batch in ids.chunks(BATCH) {
            let mut ask = redis::pipe();
            for id in batch {
                ask.cmd("HGET").arg(self.keys().job(*id)).arg("generation");
            }
            let answers: Vec<Option<u64>> = self.query_all("ask for the generations of jobs", &ask).await?;
            generations.extend(answers);
        }
        Ok(generations)
    }

    /// Lists the jobs that the queue knows, in no order.
    pub async fn open_jobs(&self) -> Result<Vec<JobId>, Error> {
        let mut jobs = std::collections::HashSet::new();
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(self.keys().any_job()).arg("COUNT").arg(1000);
            let (next, found): (u64, Vec<String>) = self.query("list the jobs in Valkey", &scan).await?;
            jobs.extend(found.iter().filter_map(|key| self.keys().job_id(key)));
            if next == 0 {
                return Ok(jobs.into_iter().collect());
            }
            cursor = next;
        }
    }

    /// Removes all traces of a job that SQL knows as ended: it came back with an older image of the data.
    pub async fn purge(&self, id: JobId) -> Result<(), Error> {
        let call = function("atelier_v1_purge", &[self.keys().job(id)]);
        self.query::<u64>("purge a job", &call).await.map(drop)
    }
}

/// Returns a value as JSON, unless it is too large for the queue.
pub(crate) fn to_json(what: &'static str, value: &impl serde::Serialize, limit_bytes: usize) -> Result<String, Error> {
    let json = serde_json::to_string(value).map_err(|source| Error::Encode { what, source })?;
    if json.len() > limit_bytes {
        return Err(Error::TooLarge { what, size_bytes: json.len(), limit_bytes });
    }
    Ok(json)
}

/// Returns whole milliseconds, at least one: zero would mean "always expired".
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}
