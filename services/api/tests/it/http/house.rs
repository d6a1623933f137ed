//! A server of its own for each test, a client, and a worker that the test plays.

use std::{path::Path, time::Duration};

use api::{Server, config::Config};
use assets::AssetStore;
use chassis::clock::Clock;
use contract::{job::Job, problem::Problem, result::JobResult, spec::WorkerKind};
use queue::{Accepted, Affinity, Consumer, Lease, Queue};
use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::valkey::TestValkey;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::wait::{PATIENCE, until};

pub(crate) struct House {
    pub(crate) valkey: TestValkey,
    pub(crate) folder: TempDir,
    pub(crate) address: String,
    pub(crate) client: reqwest::Client,
    pub(crate) queue: Queue,
    server: Server,
    stop: CancellationToken,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

/// Returns the settings of a server in this folder.
pub(crate) fn config(folder: &Path, valkey: &str, more: &[(&str, &str)]) -> Config {
    let mut variables = vec![
        ("ATELIER_DATA_DIR".to_owned(), folder.to_str().unwrap().to_owned()),
        ("ATELIER_VALKEY_URL".to_owned(), valkey.to_owned()),
        ("ATELIER_PORT".to_owned(), "0".to_owned()),
        ("ATELIER_ENGINE".to_owned(), "scripted".to_owned()),
    ];
    variables.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    chassis::load_from(None, variables).unwrap()
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub(crate) async fn open_with(settings: &[(&str, &str)]) -> Self {
        Self::open_at(Clock::system(), settings).await
    }

    /// Opens a server for which it is as late as this clock says.
    pub(crate) async fn open_at(clock: Clock, settings: &[(&str, &str)]) -> Self {
        let (valkey, folder) = (TestValkey::start().unwrap(), TempDir::new().unwrap());
        let config = config(folder.path(), &valkey.url(), settings);
        let stop = CancellationToken::new();
        let server = Server::start(config, clock, stop.clone()).await.unwrap();
        chassis::tls::install_tls();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let queue = Queue::connect(&valkey.url(), "atelier").await.unwrap();
        let address = format!("127.0.0.1:{}", server.address().port());
        Self { valkey, folder, address, client, queue, server, stop }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// Sends a body as it is, as JSON.
    pub(crate) async fn post_text(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        send(self.request(Method::POST, path).header("content-type", "application/json").body(body)).await
    }

    /// Submits a small picture.
    pub(crate) async fn submit(&self, prompt: &str) -> Job {
        let answer = self.post("/api/workflows/text_to_image", &json!({ "prompt": prompt })).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
        answer.json()
    }

    /// Waits until a job is in a state.
    pub(crate) async fn wait_for(&self, path: &str, field: &str, wanted: &str) -> Value {
        let what = format!("{path} with {field} = {wanted}");
        until(&what, async || Some(self.get(path).await.json::<Value>()).filter(|found| found[field] == wanted)).await
    }

    /// Returns the store of the server's files.
    pub(crate) fn store(&self) -> AssetStore {
        AssetStore::open(&format!("file://{}", self.folder.path().join("outputs").display())).unwrap()
    }

    /// Returns a worker that the test plays.
    pub(crate) async fn worker(&self) -> Consumer {
        self.queue.consumer(WorkerKind::Sd, "test-worker", Duration::from_secs(15)).await.unwrap()
    }

    /// Asserts that nothing was queued and nothing stored.
    pub(crate) async fn assert_untouched(&self) {
        let page: Value = self.get("/api/jobs").await.json();
        assert_eq!(page["data"], json!([]), "there are jobs");
        assert_eq!(self.queue.open_jobs().await.unwrap(), []);
        self.assert_nothing_stored().await;
    }

    /// Asserts that no file is stored, and none on record.
    pub(crate) async fn assert_nothing_stored(&self) {
        let page: Value = self.get("/api/assets").await.json();
        assert_eq!(page["data"], json!([]), "there are assets");
        let blobs = self.folder.path().join("outputs/blobs");
        let stored = std::fs::read_dir(blobs).map(|entries| entries.count()).unwrap_or_default();
        assert_eq!(stored, 0, "files are stored");
    }

    /// Stops the server in order.
    pub(crate) async fn stop(self) -> (TestValkey, TempDir) {
        self.stop.cancel();
        timeout(PATIENCE, self.server.finished()).await.expect("the server stops in time").unwrap();
        (self.valkey, self.folder)
    }

    /// Tells the server to stop without waiting for it.
    pub(crate) fn begin_to_stop(&self) {
        self.stop.cancel();
    }
}

/// Waits for the next job.
pub(crate) async fn next_job(worker: &mut Consumer) -> Lease {
    let (affinity, never) = (Affinity::default(), CancellationToken::new());
    timeout(PATIENCE, worker.next(&affinity, &never)).await.expect("a job comes in time").unwrap().unwrap()
}

/// Ends a job well.
pub(crate) async fn succeed(lease: Lease, result: &JobResult) {
    assert_eq!(lease.succeed(result).await.unwrap(), Accepted::Yes);
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = timeout(PATIENCE, request.send()).await.expect("an answer in time").unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = timeout(PATIENCE, response.bytes()).await.expect("the whole answer in time").unwrap().to_vec();
    Answer { status, headers, bytes }
}

impl Answer {
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Reads a problem, and asserts that it is whole.
    pub(crate) fn problem(&self) -> Problem {
        assert_eq!(self.header("content-type"), "application/problem+json", "{} {}", self.status, self.text());
        let problem: Problem = self.json();
        assert_eq!(problem.status, self.status.as_u16());
        assert_eq!(problem.request_id, self.header("x-request-id"));
        assert!(!problem.detail.is_empty() && !problem.instance.is_empty() && !problem.title.is_empty());
        problem
    }
}
