//! The program itself: start, stop, and what is left when it dies.

use std::{process::Stdio, time::Duration};

use contract::{JobId, event::JobChange, job::QueuedJob, spec::WorkerKind};
use queue::{DoneEntry, DoneReader, Outcome, Publication, Queue};
use rustix::process::Signal;
use tempfile::TempDir;
use testkit::valkey::TestValkey;
use time::OffsetDateTime;
use tokio::process::{Child, Command};

use crate::studio::{LIMIT, order, pid, program};

const LEASE: Duration = Duration::from_secs(1);
const BLOCK: Duration = Duration::from_millis(100);

/// A queue with the test in the place of the API, and a folder for everything else.
pub(crate) struct Place {
    valkey: TestValkey,
    pub(crate) folder: TempDir,
    pub(crate) queue: Queue,
    done: DoneReader,
}

impl Place {
    pub(crate) async fn open() -> Self {
        let valkey = TestValkey::start().unwrap();
        let queue = Queue::connect(&valkey.url(), "atelier").await.unwrap();
        queue.prepare().await.unwrap();
        let done = queue.done_reader("test").await.unwrap();
        Self { valkey, folder: tempfile::tempdir().unwrap(), queue, done }
    }

    pub(crate) fn start_worker(&self, variables: &[(&str, &str)]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_worker-sd"))
            .current_dir(self.folder.path())
            .env("ATELIER_ENGINE", "scripted")
            .env("ATELIER_VALKEY_URL", self.valkey.url())
            .env("ATELIER_DATA_DIR", self.folder.path())
            .env("ATELIER_LEASE_MS", LEASE.as_millis().to_string())
            .envs(variables.iter().copied())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    pub(crate) async fn publish(&self, prompt: &str) -> JobId {
        let spec = order(|spec| spec.painting.prompt = prompt.to_owned()).spec;
        let job = QueuedJob {
            id: JobId::new(),
            spec,
            inputs: Vec::new(),
            history: Vec::new(),
            submitted_at: OffsetDateTime::UNIX_EPOCH,
            traceparent: None,
        };
        let id = job.id;
        let publication = Publication {
            model: job.spec.model().unwrap().to_owned(),
            job,
            generation: 1,
            rank: 1,
            attempts: 0,
            max_attempts: 3,
            lease: LEASE,
            cancel_requested: false,
        };
        self.queue.publish(&[publication]).await.unwrap();
        id
    }

    pub(crate) async fn next_done(&mut self) -> DoneEntry {
        let look = async {
            loop {
                if let Some(entry) = self.done.next(1, BLOCK).await.unwrap().pop() {
                    return entry;
                }
            }
        };
        tokio::time::timeout(LIMIT, look).await.unwrap()
    }

    /// Waits until a worker works on the job. (One that is stopped while it takes a job gives it back.)
    async fn running(&self, id: JobId) {
        let mut events = self.queue.event_reader("0".to_owned()).await.unwrap();
        let look = async {
            loop {
                let seen = events.next(BLOCK).await.unwrap();
                if seen.iter().any(|event| event.job_id == id && matches!(event.change, JobChange::Progress(_))) {
                    return;
                }
            }
        };
        tokio::time::timeout(LIMIT, look).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_make_no_sense_end_the_program_with_64_and_a_word_about_the_setting() {
    let place = Place::open().await;
    for (variable, value, named) in [
        ("ATELIER_ENGINE", "magic", "engine"),
        ("ATELIER_VALKEY_URL", "http://127.0.0.1", "valkey_url"),
        ("ATELIER_ASSETS_URL", "ftp://127.0.0.1/outputs", "assets_url"),
        ("ATELIER_QUEUE_PREFIX", "a b", "queue_prefix"),
    ] {
        let output = tokio::time::timeout(LIMIT, place.start_worker(&[(variable, value)]).wait_with_output());
        let output = output.await.unwrap().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{variable}: {words}");
        assert!(words.contains(named), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_not_told_otherwise_paints_with_sd_engine() {
    let mut place = Place::open().await;
    testkit::tiny_models::write_sd(&place.folder.path().join("models")).unwrap();
    let mut worker =
        place.start_worker(&[("ATELIER_ENGINE", "sd"), ("ATELIER_SD_ENGINE", program().to_str().unwrap())]);
    for _ in 0..2 {
        place.publish("a lighthouse").await;
    }
    for _ in 0..2 {
        let done = place.next_done().await;
        assert_eq!(done.outcome, Outcome::Succeeded, "{:?}", done.failure);
        let result = done.result.unwrap();
        assert!(result.engine.contains("stable-diffusion.cpp"), "{}", result.engine);
        assert_eq!((result.assets[0].width, result.assets[0].height), (Some(64), Some(64)));
    }
    rustix::process::kill_process(pid(worker.id().unwrap()), Signal::TERM).unwrap();
    let status = tokio::time::timeout(LIMIT, worker.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_told_to_stop_finishes_its_job_and_ends_well() {
    let mut place = Place::open().await;
    let mut worker = place.start_worker(&[("ATELIER_SCRIPTED_STEP_MS", "100")]);
    let id = place.publish("a lighthouse").await;
    place.running(id).await;
    rustix::process::kill_process(pid(worker.id().unwrap()), Signal::TERM).unwrap();
    let status = tokio::time::timeout(LIMIT, worker.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(place.next_done().await.outcome, Outcome::Succeeded);
    assert!(place.queue.workers().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_takes_its_worker_down_runs_again_on_another_one() {
    let mut place = Place::open().await;
    let mut first = place.start_worker(&[("ATELIER_SCRIPTED_STEP_MS", "0")]);
    let id = place.publish("a lighthouse [scripted: kill, attempts=1]").await;
    let status = tokio::time::timeout(LIMIT, first.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), None, "it was to die, not to end");
    let _second = place.start_worker(&[("ATELIER_SCRIPTED_STEP_MS", "0")]);
    let done = place.next_done().await;
    assert_eq!((done.job_id, done.outcome, done.attempts), (id, Outcome::Succeeded, 2));
    assert_eq!(place.queue.depth(WorkerKind::Sd).await.unwrap().running, 0);
}
