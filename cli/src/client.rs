//! The connection to the server: requests, and problems as failures.

use std::time::Duration;

use contract::problem::Problem;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest};
use url::Url;

use crate::failure::Failure;

/// How long a connection may take. Answers may take longer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The server answers every request of the command line at once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A server, and the key for it.
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    key: Option<String>,
}

impl Client {
    /// Returns a client; nothing is sent yet.
    pub(crate) fn new(server: &str, key: Option<&str>) -> Result<Self, Failure> {
        let server = Url::parse(server)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| Failure::Usage(format!("--server must be an address such as http://host:8080, not {server:?}")))?;
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("atelier/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|source| Failure::Unreachable { server: server.to_string(), source: source.into() })?;
        let key = key.filter(|key| !key.trim().is_empty()).map(str::to_owned);
        Ok(Self { http, server, key })
    }

    /// Returns the address of the server, for messages.
    pub(crate) fn server(&self) -> &Url {
        &self.server
    }

    /// Begins a request. `path` begins with `/` and is made by us.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut url = self.server.clone();
        url.set_path(&format!("{}{path}", self.server.path().trim_end_matches('/')));
        let request = self.http.request(method, url).timeout(ANSWER_TIMEOUT);
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Sends a request and returns a good answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|source| self.unreachable(source))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.bytes().await.map_err(|source| self.unreachable(source))?;
        Err(refusal(status, &body))
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn receive<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let response = self.send(request).await?;
        let body = response.bytes().await.map_err(|source| self.unreachable(source))?;
        serde_json::from_slice(&body).map_err(|error| Failure::Strange(error.to_string()))
    }

    /// Reads what stands at a path.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.receive(self.request(Method::GET, path)).await
    }

    /// Sends a body to a path.
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.receive(self.request(Method::POST, path).json(body)).await
    }

    /// Returns the request that opens the WebSocket.
    pub(crate) fn socket_request(&self) -> Result<tungstenite::handshake::client::Request, Failure> {
        let mut url = self.server.clone();
        url.set_path(&format!("{}/ws", self.server.path().trim_end_matches('/')));
        let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
        let address = url.as_str().replacen(url.scheme(), scheme, 1);
        let mut request = address.into_client_request().map_err(|source| self.unreachable(source))?;
        if let Some(key) = &self.key {
            let value = header::HeaderValue::from_str(&format!("Bearer {key}"))
                .map_err(|_| Failure::Usage("the key has characters that no key has".to_owned()))?;
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// Returns the failure of a server that does not answer.
    pub(crate) fn unreachable(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
        Failure::Unreachable { server: self.server.to_string(), source: source.into() }
    }
}

fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => Failure::Refused(Box::new(problem)),
        Err(_) => Failure::Strange(format!("status {status}, and no explanation. Is this an Atelier server?")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(server: &str) -> Client {
        chassis::install_tls();
        Client::new(server, Some("secret")).unwrap()
    }

    #[test]
    fn a_server_below_a_path_keeps_its_path() {
        let client = client("https://host/proxy/8080/");
        let request = client.request(Method::GET, "/api/jobs").build().unwrap();
        assert_eq!(request.url().as_str(), "https://host/proxy/8080/api/jobs");
        assert_eq!(client.socket_request().unwrap().uri(), "wss://host/proxy/8080/ws");
    }

    #[test]
    fn the_key_goes_into_the_header_only() {
        let client = client("http://127.0.0.1:8080");
        let request = client.socket_request().unwrap();
        assert_eq!(request.uri(), "ws://127.0.0.1:8080/ws");
        assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer secret");
    }

    #[test]
    fn an_address_without_a_scheme_is_refused() {
        assert!(matches!(Client::new("localhost:8080", None), Err(Failure::Usage(_))));
        assert!(matches!(Client::new("file:///etc", None), Err(Failure::Usage(_))));
    }
}
