//! Takes a job in: completes what was asked for, puts it on record once, and waits for its end where somebody waits.

mod asked;
mod complete;
pub(crate) mod group;
mod names;
mod pictures;
mod sizes;
mod wrong;

use std::time::Duration;

use assets::AssetStore;
use chassis::{clock::Clock, telemetry::current_traceparent};
use contract::{
    JobId,
    event::JobChange,
    job::{Job, Priority},
};
use queue::Queue;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

pub(crate) use asked::{Asked, InlinePicture};
pub(crate) use wrong::{Wrong, unknown};

use crate::{
    db::{self, Db, NewJob, Submitted},
    dispatch::Dispatch,
    models::{self, Models},
};

/// How often a waiting request looks into SQL: another instance of the API may have written the end.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long the answer to a submission may be held up by those who watch.
const ANNOUNCE_WITHIN: Duration = Duration::from_millis(250);

/// Takes jobs in; cheap to clone.
#[derive(Clone)]
pub(crate) struct Reception {
    pub(crate) db: Db,
    pub(crate) queue: Queue,
    pub(crate) dispatch: Dispatch,
    pub(crate) models: Models,
    pub(crate) assets: AssetStore,
    pub(crate) clock: Clock,
    pub(crate) stop: CancellationToken,
    pub(crate) max_picture_pixels: u64,
    pub(crate) max_attempts: u32,
    pub(crate) queue_limit: u64,
}

/// What somebody asks for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The client's choice, if it has made one.
    pub(crate) id: Option<JobId>,
    pub(crate) asked: Asked,
    pub(crate) priority: Priority,
    pub(crate) owner: String,
    pub(crate) idempotency_key: Option<String>,
}

/// Why a job was not taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Db(#[from] db::Error),
    #[error(transparent)]
    Model(#[from] models::Error),
    #[error("the id or idempotency key belongs to another request")]
    Mismatch,
    #[error("fields are wrong")]
    Wrong(Vec<Wrong>),
    #[error(transparent)]
    Store(#[from] assets::Error),
    #[error("could not fill in what the client left out: this is a bug")]
    Complete(#[source] serde_json::Error),
    #[error("{0} jobs are open, which is the limit of this server")]
    QueueFull(u64),
    #[error("could not write the request as JSON: this is a bug")]
    Encode(#[source] serde_json::Error),
}

impl Reception {
    /// Takes a job in. The same request again finds the first job.
    pub(crate) async fn submit(&self, request: Request) -> Result<Job, Error> {
        let Request { id, mut asked, priority, owner, idempotency_key } = request;
        // What the client wrote counts, not what is filled in below.
        let text = serde_json::to_vec(&(&asked.spec, priority)).map_err(Error::Encode)?;
        let body_hash = blake3::hash(&text).to_hex().to_string();
        if let Some(job) = self.find_repeated(id, &owner, idempotency_key.as_deref(), &body_hash).await? {
            return Ok(job);
        }
        if self.db.count_open().await? >= self.queue_limit {
            return Err(Error::QueueFull(self.queue_limit));
        }
        let (sizes, pictures) = self.find_pictures(&mut asked).await?;
        let mut spec = self.complete(asked.spec, asked.written, &sizes).await?;
        // Nothing is stored before everything is found right.
        self.store_pictures(&mut spec, pictures, &owner).await?;
        let new = NewJob {
            id: id.unwrap_or_else(JobId::new),
            spec,
            priority,
            owner,
            max_attempts: self.max_attempts,
            idempotency_key,
            body_hash,
            traceparent: current_traceparent(),
            submitted_at: self.clock.now(),
            group: None,
        };
        match self.db.insert_job(&new).await? {
            Submitted::New(job) => {
                // In this order, so that watchers hear that it waits before they hear that it runs.
                self.announce(job.id).await;
                self.dispatch.nudge();
                Ok(job)
            }
            Submitted::Same(job) => Ok(job),
            Submitted::Mismatch => Err(Error::Mismatch),
        }
    }

    /// Checks what somebody asks for as if it were submitted, and leaves nothing.
    pub(crate) async fn check(&self, mut asked: Asked) -> Result<(), Error> {
        let (sizes, _) = self.find_pictures(&mut asked).await?;
        self.complete(asked.spec, asked.written, &sizes).await.map(drop)
    }

    /// Returns the stream of ends. It must be opened before the job is submitted, so that a quick end is not missed.
    pub(crate) fn ends(&self) -> Receiver<JobId> {
        self.dispatch.ended()
    }

    /// Waits until a job has ended; returns how it stands when it has, when the time is over, or when the server stops.
    pub(crate) async fn wait_for_end(
        &self,
        job: Job,
        mut ends: Receiver<JobId>,
        limit: Duration,
    ) -> Result<Job, db::Error> {
        let deadline = Instant::now() + limit;
        let mut job = job;
        while !job.state.is_end() {
            tokio::select! {
                () = heard_of(job.id, &mut ends) => {}
                () = sleep_until(deadline) => return Ok(job),
                () = self.stop.cancelled() => return Ok(job),
            }
            job = self.db.find_job(job.id).await?.unwrap_or(job);
        }
        Ok(job)
    }

    /// Finds the job of a request that came before, so that a repetition succeeds even where a new job would be refused.
    async fn find_repeated(
        &self,
        id: Option<JobId>,
        owner: &str,
        idempotency_key: Option<&str>,
        body_hash: &str,
    ) -> Result<Option<Job>, Error> {
        match self.db.find_submitted(id, owner, idempotency_key, body_hash, self.clock.now()).await? {
            None => Ok(None),
            Some(Submitted::New(job) | Submitted::Same(job)) => Ok(Some(job)),
            Some(Submitted::Mismatch) => Err(Error::Mismatch),
        }
    }

    /// Tells those who watch. The job is safe in SQL whether they hear of it or not.
    async fn announce(&self, id: JobId) {
        if self.dispatch.queue_away_for().is_some() {
            return;
        }
        match timeout(ANNOUNCE_WITHIN, self.queue.announce(id, &JobChange::Queued)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(job.id = %id, "nobody heard of job {id}: {:#}", anyhow::Error::from(error)),
            Err(_) => debug!(job.id = %id, "nobody heard of job {id}: Valkey was too slow"),
        }
    }
}

/// Waits until this job may have ended.
async fn heard_of(id: JobId, ends: &mut Receiver<JobId>) {
    let look_at = Instant::now() + LOOK_EVERY;
    loop {
        match timeout_at(look_at, ends.recv()).await {
            Ok(Ok(ended)) if ended != id => {}
            Ok(Err(RecvError::Closed)) => return sleep_until(look_at).await,
            _ => return,
        }
    }
}
