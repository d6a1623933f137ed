//! Where an engine listens, and how it is asked: the only place that speaks HTTP.

use std::{path::Path, time::Duration};

use chassis::Secret;
use reqwest::{Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::{answer, trouble::Trouble};

/// Whoever listens takes a connection within this time.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// What is asked between us and the engine alone is answered within this time.
const QUESTION_LIMIT: Duration = Duration::from_secs(10);
/// A list or a description is never longer.
const LONGEST_ANSWER_BYTES: usize = 64 << 20;

/// What a server understands beside what OpenAI has written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Everything that llama-server knows.
    Llama,
    /// What OpenAI has written down, and nothing else.
    OpenAi,
}

/// Where an engine listens.
#[derive(Debug, Clone)]
pub struct Endpoint {
    client: Client,
    /// What all paths begin with, without a slash at its end.
    base: String,
    key: Secret,
    /// What it understands.
    pub dialect: Dialect,
}

impl Endpoint {
    /// Returns the endpoint of a llama-server that listens on a socket of this machine.
    pub(crate) fn on_socket(socket: &Path, key: Secret) -> reqwest::Result<Self> {
        // A connection that is kept open would keep one of the server's threads.
        let client = builder().unix_socket(socket).pool_max_idle_per_host(0).build()?;
        Ok(Self { client, base: "http://llama".to_owned(), key, dialect: Dialect::Llama })
    }

    /// Returns the endpoint of a server elsewhere. Its address may end in `/v1` or not.
    pub(crate) fn elsewhere(url: &Url, key: Secret) -> reqwest::Result<Self> {
        let base = url.as_str().trim_end_matches('/').trim_end_matches("/v1").to_owned();
        Ok(Self { client: builder().build()?, base, key, dialect: Dialect::OpenAi })
    }

    /// Asks for a description.
    pub(crate) async fn load<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        let request = self.authorize(self.client.get(format!("{}{path}", self.base))).timeout(QUESTION_LIMIT);
        read_whole(succeeded(request.send().await.map_err(gone)?).await?).await
    }

    /// Asks for what is answered at once and as a whole.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Trouble> {
        read_whole(self.begin(path, body).await?).await
    }

    /// Asks for what is answered piece by piece. Dropping the answer, or this future, ends the work on it.
    pub(crate) async fn begin(&self, path: &str, body: &Value) -> Result<Response, Trouble> {
        let request = self.authorize(self.client.post(format!("{}{path}", self.base))).json(body);
        succeeded(request.send().await.map_err(gone)?).await
    }

    fn authorize(&self, request: RequestBuilder) -> RequestBuilder {
        if self.key.expose().is_empty() { request } else { request.bearer_auth(self.key.expose()) }
    }
}

fn builder() -> reqwest::ClientBuilder {
    chassis::tls::install_tls();
    // Nobody may send us, and our key with us, to another place.
    Client::builder().connect_timeout(CONNECT_LIMIT).redirect(reqwest::redirect::Policy::none()).no_proxy()
}

/// Returns an answer that is none of an error.
async fn succeeded(answer: Response) -> Result<Response, Trouble> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let bytes = read_bytes(answer).await.unwrap_or_default();
    Err(answer::refusal::of_answer(status.as_u16(), &bytes))
}

async fn read_whole<T: DeserializeOwned>(answer: Response) -> Result<T, Trouble> {
    let bytes = read_bytes(answer).await?;
    // The text may hold words of a prompt.
    serde_json::from_slice(&bytes).map_err(|error| {
        Trouble::engine(format!("the engine's answer cannot be read ({:?} at column {})", error.classify(), error.column()))
    })
}

async fn read_bytes(mut answer: Response) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(gone)? {
        if bytes.len() + piece.len() > LONGEST_ANSWER_BYTES {
            return Err(Trouble::engine(format!("the engine's answer has more than {LONGEST_ANSWER_BYTES} bytes")));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Returns the trouble with a connection.
pub(crate) fn gone(error: reqwest::Error) -> Trouble {
    // The address may have a password in it.
    Trouble::Gone(format!("{:#}", anyhow::Error::from(error.without_url())))
}
