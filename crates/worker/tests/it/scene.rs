//! What every test needs: a queue that the test plays the API on, a store, and workers.

use std::time::Duration;

use assets::AssetStore;
use chassis::clock::Clock;
use contract::{
    JobId,
    event::{JobChange, Phase, Progress},
    job::QueuedJob,
    spec::{JobSpec, TextToImage, WorkerKind},
    worker::Worker as Announcement,
};
use queue::{DoneEntry, DoneReader, EventReader, Publication, Queue};
use tempfile::TempDir;
use testkit::valkey::TestValkey;
use time::OffsetDateTime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::{Engine, Parts, ScriptedEngine, Settings};

/// Longer than anything takes on a machine that has much else to do.
const LIMIT: Duration = Duration::from_secs(30);
/// One wait for the next entry of a stream.
const BLOCK: Duration = Duration::from_millis(200);

/// A queue, a store, and the test in the place of the API.
pub(crate) struct Scene {
    pub(crate) queue: Queue,
    pub(crate) assets: AssetStore,
    pub(crate) folder: TempDir,
    done: DoneReader,
    events: EventReader,
    _valkey: TestValkey,
}

/// A worker that runs.
pub(crate) struct RunningWorker {
    pub(crate) stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Scene {
    /// Starts a server and prepares the queue, as the API does.
    pub(crate) async fn open() -> Self {
        let scene = Self::open_unprepared().await;
        scene.queue.prepare().await.unwrap();
        scene
    }

    /// Starts a server on which no API has ever been.
    pub(crate) async fn open_unprepared() -> Self {
        let valkey = TestValkey::start().unwrap();
        let queue = Queue::connect(&valkey.url(), "test").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let assets = AssetStore::open(&format!("file://{}", folder.path().join("outputs").display())).unwrap();
        let done = queue.done_reader("test").await.unwrap();
        let events = queue.event_reader("0".to_owned()).await.unwrap();
        Self { queue, assets, folder, done, events, _valkey: valkey }
    }

    /// Starts a worker with the scripted engine at full speed.
    pub(crate) fn start_worker(&self) -> RunningWorker {
        self.start(ScriptedEngine::new(Duration::ZERO), settings())
    }

    /// Starts a worker.
    pub(crate) fn start(&self, engine: impl Engine, settings: Settings) -> RunningWorker {
        let stop = CancellationToken::new();
        let parts = Parts { queue: self.queue.clone(), assets: self.assets.clone(), clock: Clock::system(), settings };
        RunningWorker { stop: stop.clone(), task: tokio::spawn(worker::run(engine, parts, stop)) }
    }

    /// Publishes a job for the first time.
    pub(crate) async fn publish(&self, job: &QueuedJob) {
        self.publish_again(job, 1, 0).await;
    }

    /// Publishes a job, as the API does after a failed attempt or a loss.
    pub(crate) async fn publish_again(&self, job: &QueuedJob, generation: u64, attempts: u32) {
        let publication = Publication {
            job: job.clone(),
            generation,
            rank: 1,
            model: job.spec.model().unwrap_or_default().to_owned(),
            attempts,
            max_attempts: 3,
            lease: settings().lease,
            cancel_requested: false,
        };
        assert_eq!(self.queue.publish(&[publication]).await.unwrap(), [true]);
    }

    /// Waits for the next job that ended, and settles it.
    pub(crate) async fn next_done(&mut self) -> DoneEntry {
        let queue = self.queue.clone();
        within("a job to end", async {
            loop {
                if let Some(entry) = self.done.next(1, BLOCK).await.unwrap().pop() {
                    let settled = (entry.job_id, entry.generation, entry.entry_id.clone());
                    queue.settle(&[settled]).await.unwrap();
                    return entry;
                }
            }
        })
        .await
    }

    /// Waits for something to happen to a job.
    pub(crate) async fn event(&mut self, id: JobId, wanted: impl Fn(&JobChange) -> bool) {
        within("something to happen to a job", async {
            loop {
                let events = self.events.next(BLOCK).await.unwrap();
                if events.iter().any(|event| event.job_id == id && wanted(&event.change)) {
                    return;
                }
            }
        })
        .await;
    }

    /// Waits until a job is being sampled.
    pub(crate) async fn sampling(&mut self, id: JobId) {
        let is_sampling =
            |change: &JobChange| matches!(change, JobChange::Progress(progress) if progress.phase == Phase::Sampling);
        self.event(id, is_sampling).await;
    }

    /// Waits until a worker says of itself what is wanted.
    pub(crate) async fn announced(&self, wanted: impl Fn(&Announcement) -> bool) -> Announcement {
        within("a worker to say so", async {
            let mut look = tokio::time::interval(Duration::from_millis(20));
            loop {
                look.tick().await;
                if let Some(worker) = self.queue.workers().await.unwrap().into_iter().find(&wanted) {
                    return worker;
                }
            }
        })
        .await
    }

    /// Returns all that has happened to a job so far.
    pub(crate) async fn changes(&self, id: JobId) -> Vec<JobChange> {
        let events = self.queue.events_after("0", 10_000).await.unwrap();
        events.into_iter().filter(|event| event.job_id == id).map(|event| event.change).collect()
    }

    /// Returns the progress of a job so far.
    pub(crate) async fn progress(&self, id: JobId) -> Vec<Progress> {
        let progress = |change| match change {
            JobChange::Progress(progress) => Some(progress),
            _ => None,
        };
        self.changes(id).await.into_iter().filter_map(progress).collect()
    }
}

impl RunningWorker {
    /// Tells the worker to stop and waits until it has.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        within("the worker to stop", self.task).await.unwrap().unwrap();
    }
}

/// The usual settings, quicker.
pub(crate) fn settings() -> Settings {
    Settings { lease: Duration::from_secs(2), grace: Duration::from_millis(300), ..Settings::new(WorkerKind::Sd) }
}

/// Returns a job for model `m` that makes one small picture in four steps.
pub(crate) fn job(prompt: &str) -> QueuedJob {
    job_for("m", prompt)
}

/// Returns a job that makes one small picture in four steps.
pub(crate) fn job_for(model: &str, prompt: &str) -> QueuedJob {
    job_of(serde_json::json!({
        "prompt": prompt, "model": model, "seed": 7, "width": 64, "height": 64, "steps": 4
    }))
}

/// Returns a job with this spec.
pub(crate) fn job_of(spec: serde_json::Value) -> QueuedJob {
    let spec: TextToImage = serde_json::from_value(spec).unwrap();
    QueuedJob {
        id: JobId::new(),
        spec: JobSpec::TextToImage(spec),
        inputs: Vec::new(),
        history: Vec::new(),
        submitted_at: OffsetDateTime::UNIX_EPOCH,
        traceparent: None,
    }
}

/// Waits for something, with a limit that is no part of any expectation.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {LIMIT:?} for {what}"),
    }
}
