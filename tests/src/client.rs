//! A client of the API as anybody could write one: HTTP and JSON.

use std::{
    path::{Path, PathBuf},
    sync::Once,
    time::Duration,
};

use anyhow::{Context, ensure};
use contract::{
    JobId,
    job::{Job, JobState},
    page::Page,
    worker::Worker,
};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::wait;

/// How long any answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Chooses the library for TLS, which the HTTP client wants even without TLS.
pub(crate) fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It fails only if somebody has chosen before.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// A client of one API. It looks up the address for each request, so it finds the API again after a restart.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    address_file: PathBuf,
    key: Option<String>,
}

impl Client {
    /// Returns a client of the API that writes its address into this file.
    #[must_use]
    pub fn new(address_file: &Path, key: Option<String>) -> Self {
        prepare();
        let http = reqwest::Client::builder().timeout(ANSWER_LIMIT).build().unwrap_or_default();
        Self { http, address_file: address_file.to_owned(), key }
    }

    /// Returns the same client with another key, or none.
    #[must_use]
    pub fn with_key(&self, key: Option<&str>) -> Self {
        Self { key: key.map(str::to_owned), ..self.clone() }
    }

    /// Returns the key that it sends.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Returns where the API listens: `http://127.0.0.1:12345`.
    pub fn base(&self) -> anyhow::Result<String> {
        let address = std::fs::read_to_string(&self.address_file)
            .with_context(|| format!("no API has written {}", self.address_file.display()))?;
        Ok(format!("http://{}", address.trim()))
    }

    /// Begins a request to a path of the API.
    pub fn request(&self, method: Method, path: &str) -> anyhow::Result<RequestBuilder> {
        let request = self.http.request(method, format!("{}{path}", self.base()?));
        Ok(match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        })
    }

    /// Gets a path, whatever the answer.
    pub async fn get(&self, path: &str) -> anyhow::Result<Response> {
        Ok(self.request(Method::GET, path)?.send().await?)
    }

    /// Posts JSON to a path, whatever the answer.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Response> {
        Ok(self.request(Method::POST, path)?.json(body).send().await?)
    }

    /// Deletes what is at a path, whatever the answer.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Response> {
        Ok(self.request(Method::DELETE, path)?.send().await?)
    }

    /// Gets a path and reads the answer, which must be a success.
    pub async fn get_json<T: serde::de::DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        read(self.get(path).await?).await
    }

    /// Returns whether the API says that jobs can be accepted.
    pub async fn is_ready(&self) -> bool {
        match self.get("/readyz").await {
            Ok(answer) => answer.status() == StatusCode::OK,
            Err(_) => false,
        }
    }

    /// Submits a picture.
    pub async fn submit(&self, picture: &Value) -> anyhow::Result<Job> {
        let answer = self.post("/api/workflows/text_to_image", picture).await?;
        ensure!(answer.status() == StatusCode::ACCEPTED, "{}: {}", answer.status(), answer.text().await?);
        read(answer).await
    }

    /// Returns a job.
    pub async fn job(&self, id: JobId) -> anyhow::Result<Job> {
        self.get_json(&format!("/api/jobs/{id}")).await
    }

    /// Asks for the end of a job.
    pub async fn cancel(&self, id: JobId) -> anyhow::Result<Response> {
        self.delete(&format!("/api/jobs/{id}")).await
    }

    /// Waits until a job is in this state.
    pub async fn until_state(&self, id: JobId, state: JobState, limit: Duration) -> anyhow::Result<Job> {
        let what = format!("job {id} to be {}", state.as_str());
        self.until_job(id, &what, limit, |job| job.state == state).await
    }

    /// Waits until a job has ended, one way or the other.
    pub async fn until_end(&self, id: JobId, limit: Duration) -> anyhow::Result<Job> {
        self.until_job(id, &format!("the end of job {id}"), limit, |job| job.state.is_end()).await
    }

    /// Waits until a job is as it should be. An API that is away is asked again.
    pub async fn until_job(
        &self,
        id: JobId,
        what: &str,
        limit: Duration,
        is_right: impl Fn(&Job) -> bool,
    ) -> anyhow::Result<Job> {
        wait::until(limit, what, || async {
            let job = self.job(id).await.ok()?;
            is_right(&job).then_some(job)
        })
        .await
    }

    /// Lists the workers that are alive.
    pub async fn workers(&self) -> anyhow::Result<Vec<Worker>> {
        Ok(self.get_json::<Page<Worker>>("/api/workers").await?.data)
    }

    /// Waits until so many workers have announced themselves.
    pub async fn until_workers(&self, count: usize, limit: Duration) -> anyhow::Result<Vec<Worker>> {
        wait::until(limit, &format!("{count} workers"), || async {
            let workers = self.workers().await.ok()?;
            (workers.len() == count).then_some(workers)
        })
        .await
    }
}

/// Reads an answer that must be a success.
pub async fn read<T: serde::de::DeserializeOwned>(answer: Response) -> anyhow::Result<T> {
    let (status, url) = (answer.status(), answer.url().path().to_owned());
    let text = answer.text().await?;
    ensure!(status.is_success(), "{url} answered {status}: {text}");
    serde_json::from_str(&text).with_context(|| format!("reading what {url} answered: {text}"))
}
