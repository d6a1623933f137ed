//! What the tests stand on: a server of their own, and small things to publish.

use std::{path::PathBuf, time::Duration};

use contract::{
    JobId,
    event::{JobChange, JobEvent, Phase, Progress},
    job::{Failure, FailureCode, QueuedJob},
    result::{JobResult, Timeline},
    spec::{JobSpec, WorkerKind},
    worker::Worker,
};
use queue::{Accepted, Affinity, Consumer, DoneEntry, Ending, Lease, Publication, Queue, library};
use redis::aio::MultiplexedConnection;
use testkit::valkey::TestValkey;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

/// The only kind of worker that there is by now.
pub(crate) const KIND: WorkerKind = WorkerKind::Sd;
/// What the keys of the tests begin with.
pub(crate) const PREFIX: &str = "test";
/// A lease that never runs out within a test.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// A lease that runs out quickly.
pub(crate) const SHORT: Duration = Duration::from_millis(500);
/// How long to wait for what must happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Names a folder whose files replace those of the library: how mutants get in.
const FUNCTIONS_VARIABLE: &str = "ATELIER_QUEUE_FUNCTIONS_DIR";

/// Returns the announcement of a worker.
pub(crate) fn idle(name: &str) -> Worker {
    Worker::idle(name, KIND, "scripted 1", "cpu", OffsetDateTime::UNIX_EPOCH)
}

/// A server with the functions loaded, and a connection to it.
pub(crate) struct Ground {
    pub(crate) valkey: TestValkey,
    pub(crate) queue: Queue,
}

impl Ground {
    pub(crate) async fn new() -> Self {
        let valkey = TestValkey::start().unwrap();
        let queue = Queue::connect(&valkey.url(), PREFIX).await.unwrap();
        let ground = Self { valkey, queue };
        ground.prepare().await;
        ground
    }

    /// Does what the API does when it starts.
    pub(crate) async fn prepare(&self) {
        self.queue.prepare().await.unwrap();
        let Some(folder) = std::env::var_os(FUNCTIONS_VARIABLE).map(PathBuf::from) else { return };
        let read = |(name, _): &(&str, &str)| std::fs::read_to_string(folder.join(name)).unwrap();
        let files: Vec<String> = library::FILES.iter().map(read).collect();
        let text = library::assemble(files.iter().map(String::as_str));
        let mut load = redis::cmd("FUNCTION");
        load.arg("LOAD").arg("REPLACE").arg(text);
        // `cargo xtask mutants` knows this sentence: it tells a broken rule from broken Lua.
        load.exec_async(&mut self.raw().await).await.expect("the functions do not load");
    }

    /// Opens a connection for what no program of ours does.
    pub(crate) async fn raw(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.valkey.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// Connects once more, as another program would.
    pub(crate) async fn another(&self) -> Queue {
        Queue::connect(&self.valkey.url(), PREFIX).await.unwrap()
    }

    pub(crate) async fn publish(&self, publication: &Publication) -> JobId {
        assert_eq!(self.queue.publish(std::slice::from_ref(publication)).await.unwrap(), [true]);
        publication.job.id
    }

    pub(crate) async fn publish_new(&self) -> JobId {
        self.publish(&publication()).await
    }

    pub(crate) async fn consumer(&self, worker: &str) -> Consumer {
        self.queue.consumer(KIND, worker, LONG).await.unwrap()
    }

    /// Waits until the clock of the server has moved on.
    pub(crate) async fn next_millisecond(&self) {
        let mut raw = self.raw().await;
        let mut first = None;
        loop {
            let (seconds, microseconds): (u64, u64) = redis::cmd("TIME").query_async(&mut raw).await.unwrap();
            let now_ms = seconds * 1000 + microseconds / 1000;
            if *first.get_or_insert(now_ms) < now_ms {
                return;
            }
        }
    }

    /// Makes a running job look as if its holder had been silent for 100 seconds.
    pub(crate) async fn expire(&self, id: JobId) {
        let mut raw = self.raw().await;
        let job = format!("{{{PREFIX}}}:job:{id}");
        let (lane, entry, worker): (String, String, String) =
            redis::cmd("HMGET").arg(job).arg(&["lane", "entry", "worker"]).query_async(&mut raw).await.unwrap();
        let mut claim = redis::cmd("XCLAIM");
        claim.arg(lane).arg("w").arg(worker).arg(0).arg(entry).arg("IDLE").arg(100_000).arg("JUSTID");
        claim.exec_async(&mut raw).await.unwrap();
    }

    /// Waits until somebody waits for a wake-up.
    pub(crate) async fn blocked_reader(&self) {
        let mut raw = self.raw().await;
        within(async {
            loop {
                let clients: String = redis::cmd("INFO").arg("clients").query_async(&mut raw).await.unwrap();
                if clients.contains("blocked_clients:1") {
                    return;
                }
            }
        })
        .await;
    }

    /// Returns one field of a job's hash.
    pub(crate) async fn field(&self, id: JobId, field: &str) -> Option<String> {
        let key = format!("{{{PREFIX}}}:job:{id}");
        redis::cmd("HGET").arg(key).arg(field).query_async(&mut self.raw().await).await.unwrap()
    }

    /// Returns what workers finished by now, without settling it.
    pub(crate) async fn finished(&self) -> Vec<DoneEntry> {
        let mut reader = self.queue.done_reader("looker").await.unwrap();
        reader.next(100, Duration::from_millis(1)).await.unwrap();
        reader.pending(100).await.unwrap()
    }

    /// Returns all events so far.
    pub(crate) async fn events(&self) -> Vec<JobEvent> {
        self.queue.events_after("0-0", 10_000).await.unwrap()
    }
}

/// Waits for the next job.
pub(crate) async fn take(consumer: &mut Consumer) -> Lease {
    take_with(consumer, &Affinity::default()).await
}

/// Waits for the next job, with wishes.
pub(crate) async fn take_with(consumer: &mut Consumer, affinity: &Affinity) -> Lease {
    within(consumer.next(affinity, &CancellationToken::new())).await.unwrap().expect("nobody stopped the consumer")
}

/// Ends a job well and takes the next one, if one waits.
pub(crate) async fn finish_and_take(consumer: &mut Consumer, lease: Lease) -> (Accepted, Option<Lease>) {
    let (result, affinity, stop) = (result(), Affinity::default(), CancellationToken::new());
    within(consumer.finish_and_take(lease, Ending::Succeeded(&result), &affinity, &stop)).await.unwrap()
}

/// Waits for what must happen.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("it did not happen in time")
}

pub(crate) fn publication() -> Publication {
    publication_of(JobId::new())
}

pub(crate) fn publication_of(id: JobId) -> Publication {
    let spec: JobSpec =
        serde_json::from_value(serde_json::json!({"kind": "text_to_image", "prompt": "a lighthouse"})).unwrap();
    let job = QueuedJob {
        id,
        spec,
        inputs: Vec::new(),
        history: Vec::new(),
        submitted_at: OffsetDateTime::UNIX_EPOCH,
        traceparent: None,
    };
    Publication {
        job,
        generation: 1,
        rank: 1,
        model: "tiny".to_owned(),
        attempts: 0,
        max_attempts: 3,
        lease: Duration::from_millis(1),
        cancel_requested: false,
    }
}

pub(crate) fn result() -> JobResult {
    let at = OffsetDateTime::UNIX_EPOCH;
    let timeline = Timeline { leased_at: at, loaded_at: at, sampled_at: at, stored_at: at, engine_s: 0.5 };
    JobResult { assets: Vec::new(), engine: "scripted 1".to_owned(), timeline, measures: Vec::new(), cost: None }
}

pub(crate) fn failure() -> Failure {
    Failure { code: FailureCode::Engine, message: "out of paint".to_owned(), remedy: None }
}

pub(crate) fn progress(step: u32) -> Progress {
    Progress {
        phase: Phase::Sampling,
        step,
        steps: 20,
        seconds_per_step: None,
        remaining_s: None,
        fraction: f64::from(step) / 20.0,
        waits_for: None,
    }
}

/// Returns the name of a change, for short assertions.
pub(crate) fn name(change: &JobChange) -> String {
    serde_json::to_value(change).unwrap()["type"].as_str().unwrap().to_owned()
}
