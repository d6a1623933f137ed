//! An API without HTTP: a database, a Valkey, a folder of files, and the dispatch between them.

use std::time::Duration;

use ::assets::AssetStore;
use api::{
    db::{Db, NewJob, Submitted},
    dispatch::{Dispatch, Parts, Settings},
};
use chassis::clock::Clock;
use contract::{
    JobId,
    event::{JobChange, JobEvent},
    job::{Attempt, Job, JobState, Priority},
    spec::WorkerKind,
};
use queue::{Affinity, Consumer, Lease, Queue};
use tempfile::TempDir;
use testkit::valkey::TestValkey;
use tokio::{sync::broadcast, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    db::ground::Ground,
    sample::new_job,
    wait::{PATIENCE, until, until_true},
};

/// What the keys of the tests begin with.
pub(crate) const PREFIX: &str = "test";

pub(crate) const SETTINGS: Settings = Settings {
    lease: Duration::from_secs(60),
    backoff: Duration::from_secs(2),
    window_per_kind: 8,
    window_per_owner: 8,
    ageing: Duration::from_secs(600),
    sweep_after: Duration::from_secs(3600),
};

/// All of it, which goes away with this value.
pub(crate) struct World {
    pub(crate) ground: Ground,
    pub(crate) valkey: TestValkey,
    pub(crate) parts: Parts,
    pub(crate) dispatch: Dispatch,
    pub(crate) ended: broadcast::Receiver<JobId>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new(ground: Ground) -> Self {
        Self::with(ground, SETTINGS).await
    }

    pub(crate) async fn with(ground: Ground, settings: Settings) -> Self {
        let valkey = TestValkey::start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let parts = Parts {
            db: ground.db.clone(),
            queue: Queue::connect(&valkey.url(), PREFIX).await.unwrap(),
            assets: AssetStore::open(&format!("file://{}", folder.path().display())).unwrap(),
            clock: Clock::fixed(Clock::system().now()),
            settings,
        };
        let stop = CancellationToken::new();
        let (dispatch, task) = Dispatch::start(parts.clone(), stop.clone());
        let ended = dispatch.ended();
        Self { ground, valkey, parts, dispatch, ended, stop, task, _folder: folder }
    }

    /// Stops the API, in order.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        timeout(PATIENCE, &mut self.task).await.expect("the dispatch does not stop").unwrap();
    }

    /// Starts the API again on the same data.
    pub(crate) fn start(&mut self) {
        self.stop = CancellationToken::new();
        (self.dispatch, self.task) = Dispatch::start(self.parts.clone(), self.stop.clone());
        self.ended = self.dispatch.ended();
    }

    /// Starts another instance of the API on the same data, with connections of its own.
    pub(crate) async fn another_api(&self, stop: &CancellationToken) -> (Dispatch, JoinHandle<()>) {
        let parts = Parts {
            db: Db::open(&self.ground.url).await.unwrap(),
            queue: Queue::connect(&self.valkey.url(), PREFIX).await.unwrap(),
            ..self.parts.clone()
        };
        Dispatch::start(parts, stop.clone())
    }

    pub(crate) fn db(&self) -> &Db {
        &self.parts.db
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.parts.queue
    }

    pub(crate) fn new_job(&self, owner: &str) -> NewJob {
        NewJob { submitted_at: self.parts.clock.now(), ..new_job(owner) }
    }

    pub(crate) async fn submit(&self, new: &NewJob) -> JobId {
        assert!(matches!(self.db().insert_job(new).await.unwrap(), Submitted::New(_)));
        self.dispatch.nudge();
        new.id
    }

    pub(crate) async fn submit_for(&self, owner: &str) -> JobId {
        self.submit(&self.new_job(owner)).await
    }

    pub(crate) async fn submit_with(&self, owner: &str, priority: Priority) -> JobId {
        self.submit(&NewJob { priority, ..self.new_job(owner) }).await
    }

    pub(crate) async fn worker(&self, name: &str) -> Worker {
        // A worker is another process: it has a connection of its own.
        let queue = Queue::connect(&self.valkey.url(), PREFIX).await.unwrap();
        Worker(queue.consumer(WorkerKind::Sd, name, self.parts.settings.lease).await.unwrap())
    }

    pub(crate) async fn job(&self, id: JobId) -> Job {
        self.db().find_job(id).await.unwrap().expect("the job is on record")
    }

    /// Waits until the job is in this state.
    pub(crate) async fn until(&self, id: JobId, state: JobState) -> Job {
        self.until_job(id, &format!("is {}", state.as_str()), |job| job.state == state).await
    }

    pub(crate) async fn until_job(&self, id: JobId, what: &str, is_so: impl Fn(&Job) -> bool) -> Job {
        until(&format!("a job that {what}"), async || Some(self.job(id).await).filter(&is_so)).await
    }

    /// Waits until so many jobs wait in Valkey.
    pub(crate) async fn until_window_is(&self, queued: u64) {
        // The functions are not there before the dispatch has prepared Valkey.
        let is_so = async || self.queue().depth(WorkerKind::Sd).await.is_ok_and(|depth| depth.queued == queued);
        until_true(&format!("a window of {queued}"), is_so).await;
    }

    /// Waits until Valkey holds no job and no unsettled end.
    pub(crate) async fn until_valkey_is_empty(&self) {
        let is_so = async || self.queue().open_jobs().await.unwrap().is_empty() && self.unsettled() == "0";
        until_true("an empty Valkey", is_so).await;
    }

    /// Returns how many ends are not settled, as Valkey says it.
    pub(crate) fn unsettled(&self) -> String {
        let answer = self.valkey.ask(&format!("XLEN {{{PREFIX}}}:done")).unwrap();
        answer.trim().trim_start_matches(':').to_owned()
    }

    pub(crate) async fn attempts(&self, id: JobId) -> Vec<Attempt> {
        self.db().list_attempts(id).await.unwrap()
    }

    pub(crate) async fn outcomes(&self, id: JobId) -> Vec<String> {
        let attempts = self.attempts(id).await;
        attempts.into_iter().map(|attempt| attempt.outcome.unwrap_or_else(|| "open".to_owned())).collect()
    }

    /// Returns what the events have told of a job.
    pub(crate) async fn changes(&self, id: JobId) -> Vec<JobChange> {
        let events: Vec<JobEvent> = self.queue().events_after("0-0", 10_000).await.unwrap();
        events.into_iter().filter(|event| event.job_id == id).map(|event| event.change).collect()
    }
}

/// A worker that does what the test says.
pub(crate) struct Worker(Consumer);

impl Worker {
    /// Waits for the next job.
    pub(crate) async fn lease(&mut self) -> Lease {
        let stop = CancellationToken::new();
        let next = timeout(PATIENCE, self.0.next(&Affinity::default(), &stop)).await.expect("no job came");
        next.unwrap().expect("not stopped")
    }

    /// Returns the next job, or nothing if none comes for a while.
    pub(crate) async fn lease_within(&mut self, limit: Duration) -> Option<Lease> {
        let stop = CancellationToken::new();
        let stopper = stop.clone();
        tokio::spawn(async move {
            // That nothing comes can only be seen by waiting for it.
            let _ = timeout(limit, stopper.cancelled()).await;
            stopper.cancel();
        });
        self.0.next(&Affinity::default(), &stop).await.unwrap()
    }
}
