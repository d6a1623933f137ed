//! The WebSocket of the server: what happens to one job, as it happens.

use std::time::Duration;

use contract::{
    JobId,
    event::JobEvent,
    socket::{ClientMessage, ServerMessage, Watched},
};
use futures::{SinkExt, StreamExt};
use reqwest::header::AUTHORIZATION;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest},
};
use url::Url;

/// The server sends the state of the whole every few seconds; a longer silence is a dead connection.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);

const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Why the stream ended before the job did. The job itself can still be asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The connection broke, or was refused.
    #[error("the connection to the server was lost")]
    Lost(#[source] Box<tungstenite::Error>),
    /// Nothing came for too long.
    #[error("the server has been silent for {} s", SILENCE_LIMIT.as_secs())]
    Silent,
    /// The server closed the stream, or events are missing from it.
    #[error("the server ended the stream")]
    Ended,
    /// The server does not want to send this.
    #[error("{0}")]
    Refused(String),
}

impl From<tungstenite::Error> for Error {
    fn from(error: tungstenite::Error) -> Self {
        Self::Lost(Box::new(error))
    }
}

/// What happens to one job.
pub(crate) struct Feed {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last_event_id: Option<String>,
}

impl Feed {
    pub(super) async fn open(
        server: &Url,
        key: Option<&str>,
        id: JobId,
        last_event_id: Option<&str>,
    ) -> Result<Self, Error> {
        let mut request = address(server).as_str().into_client_request()?;
        if let Some(value) = key.and_then(|key| format!("Bearer {key}").parse().ok()) {
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let connecting = tokio_tungstenite::connect_async(request);
        let (mut socket, _) = timeout(CONNECT_LIMIT, connecting).await.map_err(|_| Error::Silent)??;
        let message = first_message(id, last_event_id);
        let text = serde_json::to_string(&message).map_err(|error| Error::Refused(error.to_string()))?;
        socket.send(Message::text(text)).await?;
        Ok(Self { socket, last_event_id: last_event_id.map(str::to_owned) })
    }

    /// Waits for the next event of the job.
    pub(crate) async fn next(&mut self) -> Result<JobEvent, Error> {
        loop {
            let frame = timeout(SILENCE_LIMIT, self.socket.next()).await.map_err(|_| Error::Silent)?;
            let text = match frame {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(_))) | None => return Err(Error::Ended),
                Some(Ok(_)) => continue,
                Some(Err(error)) => return Err(error.into()),
            };
            // A message of a newer server that we do not know is none of our business.
            match serde_json::from_str(&text) {
                Ok(ServerMessage::Event(event)) => {
                    if !event.id.is_empty() {
                        self.last_event_id = Some(event.id.clone());
                    }
                    return Ok(event);
                }
                Ok(ServerMessage::Subscribed { after }) => self.last_event_id = Some(after),
                Ok(ServerMessage::Resync) => {
                    self.last_event_id = None;
                    return Err(Error::Ended);
                }
                Ok(ServerMessage::Problem { detail, .. }) => return Err(Error::Refused(detail)),
                Ok(ServerMessage::System(_) | ServerMessage::Memory { .. }) | Err(_) => {}
            }
        }
    }

    /// Returns where to resume after this connection.
    pub(crate) fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }
}

/// Who has seen nothing gets the last state first; who was interrupted gets what was missed.
fn first_message(id: JobId, last_event_id: Option<&str>) -> ClientMessage {
    let jobs = Watched::Jobs(vec![id]);
    match last_event_id {
        Some(after) => ClientMessage::Resume { after: after.to_owned(), jobs },
        None => ClientMessage::Subscribe { jobs },
    }
}

fn address(server: &Url) -> Url {
    let mut address = server.clone();
    let scheme = if server.scheme() == "https" { "wss" } else { "ws" };
    // Both are special schemes for URLs, so this cannot fail.
    let _ = address.set_scheme(scheme);
    if let Ok(mut segments) = address.path_segments_mut() {
        segments.pop_if_empty().push("ws");
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_stands_beside_the_api() {
        assert_eq!(address(&"http://127.0.0.1:8080".parse().unwrap()).as_str(), "ws://127.0.0.1:8080/ws");
        assert_eq!(address(&"https://example.org/atelier/".parse().unwrap()).as_str(), "wss://example.org/atelier/ws");
    }

    #[test]
    fn an_interrupted_watch_resumes_behind_what_it_saw() {
        let id = JobId::new();
        assert!(matches!(first_message(id, None), ClientMessage::Subscribe { .. }));
        assert!(matches!(first_message(id, Some("5-0")), ClientMessage::Resume { after, .. } if after == "5-0"));
    }
}
