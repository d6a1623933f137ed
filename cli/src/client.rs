//! The server, over HTTP: one method for each thing that a command needs.

mod error;
mod groups;
mod socket;

use std::time::Duration;

use contract::{
    JobId, KeyId,
    asset::{Asset, AssetRef, Inspection},
    capabilities::Capabilities,
    control::{ChangedJobs, ChooseQueue, ClearJobs, RetryJobs},
    job::{Attempt, Job, MoveJob},
    key::{ApiKey, CreatedKey, NewKey},
    model::Model,
    page::Page,
    system::{QueueDepth, System},
    worker::Worker,
};
use reqwest::{
    Method, RequestBuilder,
    header::AUTHORIZATION,
    multipart::{Form, Part},
};
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use crate::words;

pub(crate) use error::Error;
pub(crate) use socket::Feed;

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long an answer may take. The largest is a picture.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);

/// How long a language model may take: it may wait for memory and be loaded first, and the server says that it lives.
const WORDS_LIMIT: Duration = Duration::from_secs(60 * 60);

/// A server.
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    key: Option<String>,
}

impl Client {
    /// Names a server. Nothing is sent yet.
    pub(crate) fn new(server: &Url, key: Option<String>) -> Result<Self, Error> {
        // An error only says that somebody installed one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let agent = concat!("atelier/", env!("CARGO_PKG_VERSION"));
        let http =
            reqwest::Client::builder().user_agent(agent).connect_timeout(CONNECT_LIMIT).timeout(ANSWER_LIMIT).build();
        let http = http.map_err(|source| Error::Setup(Box::new(source)))?;
        Ok(Self { http, server: server.clone(), key: key.filter(|key| !key.is_empty()) })
    }

    /// Returns the address of the server, as people type it.
    pub(crate) fn server(&self) -> &str {
        self.server.as_str().trim_end_matches('/')
    }

    /// Returns whether the server is this machine.
    pub(crate) fn is_local(&self) -> bool {
        match self.server.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// Returns the port of the server.
    pub(crate) fn port(&self) -> u16 {
        self.server.port_or_known_default().unwrap_or(80)
    }

    /// Submits a job. The body is the spec of that kind.
    pub(crate) async fn submit_job(
        &self,
        kind: &str,
        query: &[(&str, String)],
        spec: &impl Serialize,
    ) -> Result<Job, Error> {
        self.read(self.request(Method::POST, &["api", "workflows", kind]).query(query).json(spec)).await
    }

    /// Returns a job.
    pub(crate) async fn load_job(&self, id: JobId) -> Result<Job, Error> {
        self.read(self.request(Method::GET, &["api", "jobs", &id.to_string()])).await
    }

    /// Returns how often a job was tried, and how that ended.
    pub(crate) async fn list_attempts(&self, id: JobId) -> Result<Page<Attempt>, Error> {
        self.read(self.request(Method::GET, &["api", "jobs", &id.to_string(), "attempts"])).await
    }

    /// Returns a page of jobs.
    pub(crate) async fn list_jobs(&self, query: &[(&str, String)]) -> Result<Page<Job>, Error> {
        self.read(self.request(Method::GET, &["api", "jobs"]).query(query)).await
    }

    /// Asks for the end of a job.
    pub(crate) async fn cancel_job(&self, id: JobId) -> Result<Job, Error> {
        self.read(self.request(Method::DELETE, &["api", "jobs", &id.to_string()])).await
    }

    /// Gives a job that has ended another life.
    pub(crate) async fn retry_job(&self, id: JobId) -> Result<Job, Error> {
        self.read(self.request(Method::POST, &["api", "jobs", &id.to_string(), "retry"])).await
    }

    /// Puts a waiting job before or behind the others.
    pub(crate) async fn move_job(&self, id: JobId, to: &MoveJob) -> Result<Job, Error> {
        self.read(self.request(Method::POST, &["api", "jobs", &id.to_string(), "move"]).json(to)).await
    }

    /// Keeps a waiting job from the workers.
    pub(crate) async fn pause_job(&self, id: JobId) -> Result<Job, Error> {
        self.read(self.request(Method::POST, &["api", "jobs", &id.to_string(), "pause"])).await
    }

    /// Lets the workers have a paused job.
    pub(crate) async fn resume_job(&self, id: JobId) -> Result<Job, Error> {
        self.read(self.request(Method::POST, &["api", "jobs", &id.to_string(), "resume"])).await
    }

    /// Gives many ended jobs another life.
    pub(crate) async fn retry_jobs(&self, which: &RetryJobs) -> Result<ChangedJobs, Error> {
        self.read(self.request(Method::POST, &["api", "jobs", "retry"]).json(which)).await
    }

    /// Deletes the records of ended jobs.
    pub(crate) async fn clear_jobs(&self, which: &ClearJobs) -> Result<ChangedJobs, Error> {
        self.read(self.request(Method::POST, &["api", "jobs", "clear"]).json(which)).await
    }

    /// Returns how much waits and runs, by kind of worker.
    pub(crate) async fn list_queues(&self) -> Result<Page<QueueDepth>, Error> {
        self.read(self.request(Method::GET, &["api", "queue"])).await
    }

    /// Keeps everything new from workers.
    pub(crate) async fn pause_queue(&self, which: &ChooseQueue) -> Result<Page<QueueDepth>, Error> {
        self.read(self.request(Method::POST, &["api", "queue", "pause"]).json(which)).await
    }

    /// Lets workers have jobs again.
    pub(crate) async fn resume_queue(&self, which: &ChooseQueue) -> Result<Page<QueueDepth>, Error> {
        self.read(self.request(Method::POST, &["api", "queue", "resume"]).json(which)).await
    }

    /// Returns how a picture was made. Nothing is stored.
    pub(crate) async fn inspect_asset(&self, bytes: Vec<u8>) -> Result<Inspection, Error> {
        let form = Form::new().part("file", Part::bytes(bytes).file_name("picture"));
        self.read(self.request(Method::POST, &["api", "assets", "inspect"]).multipart(form)).await
    }

    /// Stores a picture.
    pub(crate) async fn upload(&self, name: String, bytes: Vec<u8>) -> Result<Asset, Error> {
        let form = Form::new().part("file", Part::bytes(bytes).file_name(name));
        self.read(self.request(Method::POST, &["api", "assets"]).multipart(form)).await
    }

    /// Returns what a language model says about prompts.
    pub(crate) async fn ask_for_words<T: DeserializeOwned>(
        &self,
        route: &str,
        wanted: &impl Serialize,
    ) -> Result<T, Error> {
        self.read(self.request(Method::POST, &["api", "prompt", route]).timeout(WORDS_LIMIT).json(wanted)).await
    }

    /// Returns what can be set in jobs.
    pub(crate) async fn load_capabilities(&self, query: &[(&str, String)]) -> Result<Capabilities, Error> {
        self.read(self.request(Method::GET, &["api", "capabilities"]).query(query)).await
    }

    /// Returns the bytes of a stored file.
    pub(crate) async fn load_asset(&self, asset: &AssetRef) -> Result<Vec<u8>, Error> {
        let response = self.send(self.request(Method::GET, &["api", "assets", &asset.id.to_string()])).await?;
        let bytes = response.bytes().await.map_err(|source| self.unreachable(&source))?;
        Ok(bytes.into())
    }

    /// Returns the address of a stored file.
    pub(crate) fn asset_address(&self, asset: &AssetRef) -> String {
        self.address(&["api", "assets", &asset.id.to_string()]).into()
    }

    /// Returns the keys, without their secrets.
    pub(crate) async fn list_keys(&self) -> Result<Page<ApiKey>, Error> {
        self.read(self.request(Method::GET, &["api", "keys"])).await
    }

    /// Makes a key.
    pub(crate) async fn create_key(&self, new: &NewKey) -> Result<CreatedKey, Error> {
        self.read(self.request(Method::POST, &["api", "keys"]).json(new)).await
    }

    /// Takes a key back.
    pub(crate) async fn revoke_key(&self, id: KeyId) -> Result<(), Error> {
        self.send(self.request(Method::DELETE, &["api", "keys", &id.to_string()])).await.map(drop)
    }

    /// Returns the state of the whole.
    pub(crate) async fn load_system(&self) -> Result<System, Error> {
        self.read(self.request(Method::GET, &["api", "system"])).await
    }

    /// Returns the workers that are alive.
    pub(crate) async fn list_workers(&self) -> Result<Page<Worker>, Error> {
        self.read(self.request(Method::GET, &["api", "workers"])).await
    }

    /// Returns the models that jobs can name.
    pub(crate) async fn list_models(&self) -> Result<Page<Model>, Error> {
        self.read(self.request(Method::GET, &["api", "models"])).await
    }

    /// Opens the stream of what happens to one job, from behind the event with this id.
    pub(crate) async fn feed(&self, id: JobId, last_event_id: Option<&str>) -> Result<Feed, socket::Error> {
        Feed::open(&self.server, self.key.as_deref(), id, last_event_id).await
    }

    fn address(&self, path: &[&str]) -> Url {
        let mut address = self.server.clone();
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        address
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let request = self.http.request(method, self.address(path));
        match &self.key {
            Some(key) => request.header(AUTHORIZATION, format!("Bearer {key}")),
            None => request,
        }
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let response = self.send(request).await?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(|source| self.unreachable(&source))?;
        document(self.server(), status, &text)
    }

    async fn send(&self, request: RequestBuilder) -> Result<reqwest::Response, Error> {
        let response = request.send().await.map_err(|source| self.unreachable(&source))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.map_err(|source| self.unreachable(&source))?;
        Err(match serde_json::from_str(&text) {
            Ok(problem) => Error::Refused(Box::new(problem)),
            Err(_) => Error::foreign(self.server(), status.as_u16(), &text),
        })
    }

    fn unreachable(&self, source: &reqwest::Error) -> Error {
        Error::Unreachable { server: self.server().into(), source: words::root_cause(source).into() }
    }
}

/// Reads an answer. One that had begun before it failed is a problem, whatever its status.
fn document<T: DeserializeOwned>(server: &str, status: u16, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|_| match serde_json::from_str(text) {
        Ok(problem) => Error::Refused(Box::new(problem)),
        Err(_) => Error::foreign(server, status, text),
    })
}

#[cfg(test)]
mod tests {
    use contract::prompt::PromptVariations;

    use super::*;

    fn client(server: &str) -> Client {
        Client::new(&server.parse().unwrap(), None).unwrap()
    }

    #[test]
    fn a_server_below_a_path_is_asked_below_that_path() {
        let below = client("https://example.org/atelier/").address(&["api", "jobs"]);
        assert_eq!(below.as_str(), "https://example.org/atelier/api/jobs");
        let plain = client("http://127.0.0.1:8080").address(&["api", "jobs"]);
        assert_eq!(plain.as_str(), "http://127.0.0.1:8080/api/jobs");
    }

    #[test]
    fn an_answer_that_failed_after_it_had_begun_is_a_problem_all_the_same() {
        let problem = "   {\"type\":\"urn:x\",\"title\":\"t\",\"status\":502,\"code\":\"unusable_answer\",\
                       \"detail\":\"no\",\"instance\":\"/\",\"request_id\":\"r\"}";
        let refused = document::<PromptVariations>("s", 200, problem).unwrap_err();
        assert!(matches!(refused, Error::Refused(problem) if problem.status == 502));
        assert!(matches!(document::<PromptVariations>("s", 200, " {}"), Err(Error::Foreign { .. })));
        let usage = "{\"prompt_tokens\":1,\"completion_tokens\":1}";
        let whole = format!("  {{\"prompts\":[\"a\"],\"model\":\"m\",\"usage\":{usage}}}");
        assert_eq!(document::<PromptVariations>("s", 200, &whole).unwrap().prompts, ["a"]);
    }

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        assert!(client("http://localhost:1").is_local());
        assert!(client("http://127.0.0.1:1").is_local());
        assert!(client("http://[::1]:1").is_local());
        assert!(!client("http://example.org").is_local());
    }
}
