//! A worker with a folder of tiny models, and the test in the place of the API.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use assets::AssetStore;
use contract::{
    JobId,
    asset::AssetRef,
    job::{Failure, Priority},
    text::{TextAnswer, TextEvent, TextFrame, TextJob, TextRequest, reply::Delta},
    worker::Worker,
};
use queue::{
    Queue,
    text::{Reply, TextEnd},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{
    valkey::TestValkey,
    wait::{PATIENCE, until},
};
use time::OffsetDateTime;
use tokio::{
    process::{Child, Command},
    sync::mpsc::UnboundedReceiver,
    time::timeout,
};

/// How long a worker may be silent.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// The name of the test among the instances of the API.
const INSTANCE: &str = "test";

/// A worker, and all that it needs.
pub(crate) struct Salon {
    pub(crate) valkey: TestValkey,
    pub(crate) folder: TempDir,
    pub(crate) queue: Queue,
    pub(crate) worker: Child,
    replies: UnboundedReceiver<Reply>,
    heard: HashMap<JobId, Heard>,
}

/// What was heard of a job.
#[derive(Debug, Default)]
struct Heard {
    frames: Vec<TextFrame>,
    end: Option<TextEnd>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Everything that happened, in order.
    pub(crate) events: Vec<TextEvent>,
    /// How many frames there were.
    pub(crate) frames: usize,
}

impl Salon {
    /// Starts a worker beside a folder with the model `smoke`, with these settings.
    pub(crate) async fn open(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        testkit::tiny_models::write_llm(&folder.path().join("models")).unwrap();
        Self::open_in(folder, settings).await
    }

    /// Starts a worker in a folder.
    pub(crate) async fn open_in(folder: TempDir, settings: &[(&str, &str)]) -> Self {
        let valkey = TestValkey::start().unwrap();
        let queue = Queue::connect(&valkey.url(), "atelier").await.unwrap();
        queue.prepare().await.unwrap();
        let replies = queue.subscribe_replies(INSTANCE).await.unwrap();
        let worker = start(folder.path(), &valkey.url(), settings);
        Self { valkey, folder, queue, worker, replies, heard: HashMap::new() }
    }

    /// Returns the path of a file among the models.
    pub(crate) fn model_path(&self, name: &str) -> PathBuf {
        self.folder.path().join("models/llm").join(name)
    }

    /// Adds a model that is like `smoke`, with this preset.
    pub(crate) fn add_model(&self, name: &str, preset: &Value) {
        fs::copy(self.model_path("smoke.gguf"), self.model_path(&format!("{name}.gguf"))).unwrap();
        fs::write(self.model_path(&format!("{name}.json")), preset.to_string()).unwrap();
    }

    /// Publishes a request, and returns its job.
    pub(crate) async fn ask(&self, model: &str, request: Value) -> JobId {
        self.ask_with(model, request, Vec::new()).await
    }

    /// Publishes a request with pictures, and returns its job.
    pub(crate) async fn ask_with(&self, model: &str, request: Value, inputs: Vec<AssetRef>) -> JobId {
        let job = TextJob { inputs, ..self.text_job(model, request) };
        self.publish(&job).await;
        job.id
    }

    /// Returns the job of a request to the test.
    pub(crate) fn text_job(&self, model: &str, request: Value) -> TextJob {
        let request: TextRequest = serde_json::from_value(request).unwrap();
        TextJob {
            id: JobId::new(),
            model: model.to_owned(),
            request,
            reply_to: INSTANCE.to_owned(),
            inputs: Vec::new(),
            submitted_at: OffsetDateTime::UNIX_EPOCH,
            traceparent: None,
        }
    }

    pub(crate) async fn publish(&self, job: &TextJob) {
        self.queue.publish_text(job, Priority::Interactive, PATIENCE, LEASE).await.unwrap();
    }

    /// Stores a picture, as the API does before it publishes a request.
    pub(crate) async fn store(&self, media_type: &str, bytes: Vec<u8>) -> AssetRef {
        let url = url::Url::from_file_path(self.folder.path().join("outputs")).unwrap();
        AssetStore::open(url.as_str()).unwrap().put(media_type, bytes.into()).await.unwrap()
    }

    /// Waits until something was heard of a job, and returns all frames so far.
    pub(crate) async fn heard_of(&mut self, id: JobId, is_enough: impl Fn(&[TextEvent]) -> bool) {
        let looking = async {
            loop {
                let heard = self.heard.entry(id).or_default();
                let last = match &heard.end {
                    Some(TextEnd::Said(last)) => Some(last),
                    _ => None,
                };
                let frames = heard.frames.iter().chain(last);
                let events: Vec<_> = frames.flat_map(|frame| frame.events.clone()).collect();
                if is_enough(&events) {
                    return;
                }
                assert!(heard.end.is_none(), "it ended with {:?} after {events:?}", heard.end);
                self.listen().await;
            }
        };
        timeout(PATIENCE, looking).await.expect("the worker says it");
    }

    /// Waits until the words of an answer come.
    pub(crate) async fn speaking(&mut self, id: JobId) {
        self.heard_of(id, |events| events.iter().any(|event| matches!(event, TextEvent::Delta(_)))).await;
    }

    /// Waits for the end of a job, whatever it is.
    pub(crate) async fn end(&mut self, id: JobId) -> TextEnd {
        let looking = async {
            loop {
                if let Some(end) = self.heard.get(&id).and_then(|heard| heard.end.clone()) {
                    return end;
                }
                self.listen().await;
            }
        };
        timeout(PATIENCE, looking).await.expect("the job ends")
    }

    /// Waits for the whole answer of a job. Its frames must be there, each once and in order.
    pub(crate) async fn answer(&mut self, id: JobId) -> Answer {
        let TextEnd::Said(last) = self.end(id).await else { panic!("nobody spoke for {id}") };
        let frames: Vec<_> = self.heard.remove(&id).unwrap().frames.into_iter().chain([last]).collect();
        let numbers: Vec<_> = frames.iter().map(|frame| frame.number).collect();
        assert_eq!(numbers, (0..frames.len() as u64).collect::<Vec<_>>(), "frames are missing, or not in order");
        let count = frames.len();
        let events: Vec<_> = frames.into_iter().flat_map(|frame| frame.events).collect();
        let ends =
            events.iter().filter(|event| matches!(event, TextEvent::End { .. } | TextEvent::Failed { .. })).count();
        assert_eq!(ends, 1, "{events:?}");
        Answer { events, frames: count }
    }

    /// Asks and waits for the whole answer.
    pub(crate) async fn hear(&mut self, model: &str, request: Value) -> Answer {
        let id = self.ask(model, request).await;
        self.answer(id).await
    }

    /// Waits until the worker says of itself what is wanted.
    pub(crate) async fn worker_says(&self, is_so: impl Fn(&Worker) -> bool) -> Worker {
        let look = async || self.queue.workers().await.unwrap().into_iter().find(|worker| is_so(worker));
        until("what the worker says of itself", look).await
    }

    /// Waits until so many llama-servers run, and returns their processes.
    pub(crate) async fn servers(&self, count: usize) -> Vec<u32> {
        let look = async || Some(servers_of(self.folder.path())).filter(|found| found.len() == count);
        until(&format!("{count} llama-servers"), look).await
    }

    /// Tells the worker to stop, and returns its exit code.
    pub(crate) async fn stop(&mut self) -> Option<i32> {
        signal(self.worker.id().unwrap(), Signal::TERM);
        timeout(PATIENCE, self.worker.wait()).await.expect("the worker ends").unwrap().code()
    }

    async fn listen(&mut self) {
        match self.replies.recv().await.expect("the queue is there") {
            Reply::Frame(frame) => self.heard.entry(frame.id).or_default().frames.push(frame),
            Reply::End { id, end } => self.heard.entry(id).or_default().end = Some(end),
            Reply::Interrupted => panic!("the connection was lost"),
        }
    }
}

impl Answer {
    /// Returns all pieces.
    pub(crate) fn deltas(&self) -> impl Iterator<Item = &Delta> {
        self.events.iter().filter_map(|event| match event {
            TextEvent::Delta(delta) => Some(delta),
            _ => None,
        })
    }

    /// Returns the words of one of the answers.
    pub(crate) fn words_of(&self, choice: u32) -> String {
        self.deltas().filter(|delta| delta.choice == choice).map(|delta| delta.text.as_str()).collect()
    }

    /// Returns the words.
    pub(crate) fn words(&self) -> String {
        self.words_of(0)
    }

    /// Returns what the answer amounts to.
    pub(crate) fn end(&self) -> &TextAnswer {
        match self.events.last() {
            Some(TextEvent::End { answer }) => answer,
            other => panic!("it did not end well: {other:?}"),
        }
    }

    /// Returns why there is no answer.
    pub(crate) fn failure(&self) -> &Failure {
        match self.events.last() {
            Some(TextEvent::Failed { failure }) => failure,
            other => panic!("it did not fail: {other:?}"),
        }
    }

    /// Returns the reasons for waiting.
    pub(crate) fn reasons(&self) -> Vec<&str> {
        let mut reasons = Vec::new();
        for event in &self.events {
            if let TextEvent::Waiting { reason } = event {
                reasons.push(reason.as_str());
            }
        }
        reasons
    }
}

/// Returns the program llama-server.
pub(crate) fn program() -> PathBuf {
    if let Some(chosen) = env::var_os("ATELIER_LLAMA_SERVER").filter(|path| !path.is_empty()) {
        return chosen.into();
    }
    let own = env::current_exe().unwrap();
    let target = own.ancestors().find(|folder| folder.join("llama-server").is_file());
    target.expect("there is no llama-server: run `cargo xtask engines`").join("llama-server")
}

/// Starts a worker.
pub(crate) fn start(folder: &Path, valkey_url: &str, settings: &[(&str, &str)]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_worker-llm"))
        .current_dir(folder)
        .env("ATELIER_VALKEY_URL", valkey_url)
        .env("ATELIER_DATA_DIR", folder)
        .env("ATELIER_LLAMA_SERVER", program())
        .env("ATELIER_THREADS", "1")
        .env("ATELIER_LEASE_MS", LEASE.as_millis().to_string())
        .env("ATELIER_LOG", "info,worker_llm=debug")
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Returns a conversation of one question, with fields of its own.
#[allow(clippy::needless_pass_by_value, reason = "calls read better")]
pub(crate) fn chat(words: &str, fields: Value) -> Value {
    let mut request = json!({
        "kind": "chat", "messages": [{ "role": "user", "parts": [{ "type": "text", "text": words }] }],
    });
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    request
}

/// Returns a conversation whose answer takes some seconds: the words that end it never come.
pub(crate) fn long_chat() -> Value {
    chat("hello", json!({ "sampling": { "max_tokens": 7000, "logit_bias": { "2": -100.0, "4": -100.0 } } }))
}

/// Returns a request whose answer takes hours and all slots of its model: whoever hears its end before has broken it off.
pub(crate) fn endless_chat() -> Value {
    let mut request = long_chat();
    // Each slot makes one after the other.
    request["count"] = 10_000.into();
    request
}

/// Returns the llama-servers whose model lies in a folder.
pub(crate) fn servers_of(folder: &Path) -> Vec<u32> {
    let folder = folder.to_str().unwrap();
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let is_server = |id: &u32| {
        let command = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        let mut words = command.split('\0');
        // What `target/llama-server` points at has another name, in a folder of this one.
        words.next().is_some_and(|program| program.contains("llama-server")) && command.contains(folder)
    };
    processes.filter(is_server).collect()
}

/// Sends a signal to a process.
pub(crate) fn signal(id: u32, signal: Signal) {
    let id = i32::try_from(id).ok().and_then(Pid::from_raw).unwrap();
    kill_process(id, signal).unwrap();
}
