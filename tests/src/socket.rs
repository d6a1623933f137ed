//! A WebSocket client of the API.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use contract::{
    JobId,
    event::{JobChange, JobEvent},
    preview::Preview,
    socket::{ClientMessage, ServerMessage},
};
use futures::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message, Utf8Bytes, client::IntoClientRequest, http::HeaderValue},
};

use crate::client::Client;

/// What came from the server.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A message.
    Message(Box<ServerMessage>),
    /// A preview.
    Preview {
        /// Of which job.
        job_id: JobId,
        /// After which step.
        step: u32,
        /// The picture.
        jpeg: Vec<u8>,
    },
    /// The server ended the conversation.
    Closed(Option<u16>),
}

enum Frame {
    /// A message that nobody has read.
    Text(Utf8Bytes),
    Other(Heard),
}

/// A conversation on `GET /ws`.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    /// Connects, with the client's key in the header.
    pub async fn connect(client: &Client) -> anyhow::Result<Self> {
        let address = client.base()?.replacen("http://", "ws://", 1);
        let mut request = format!("{address}/ws").into_client_request()?;
        if let Some(key) = client.key() {
            request.headers_mut().insert("authorization", HeaderValue::from_str(&format!("Bearer {key}"))?);
        }
        let (stream, _) = tokio_tungstenite::connect_async(request).await.context("opening a WebSocket")?;
        Ok(Self { stream })
    }

    /// Says something.
    pub async fn say(&mut self, message: &ClientMessage) -> anyhow::Result<()> {
        self.say_text(&serde_json::to_string(message)?).await
    }

    /// Says anything at all.
    pub async fn say_text(&mut self, text: &str) -> anyhow::Result<()> {
        Ok(self.stream.send(Message::text(text)).await?)
    }

    /// Returns the next thing that the server says.
    pub async fn next(&mut self) -> anyhow::Result<Heard> {
        Ok(match self.next_frame().await? {
            Frame::Text(text) => {
                Heard::Message(Box::new(serde_json::from_str(&text).with_context(|| format!("reading {text}"))?))
            }
            Frame::Other(heard) => heard,
        })
    }

    /// Listens until `choose` finds what it wants.
    pub async fn until<T>(
        &mut self,
        limit: Duration,
        what: &str,
        mut choose: impl FnMut(Heard) -> Option<T>,
    ) -> anyhow::Result<T> {
        let listening = async {
            loop {
                let heard = self.next().await?;
                let is_closed = matches!(heard, Heard::Closed(_));
                match choose(heard) {
                    Some(found) => return Ok(found),
                    None if is_closed => bail!("the server closed the WebSocket before {what}"),
                    None => {}
                }
            }
        };
        tokio::time::timeout(limit, listening).await.map_err(|_| anyhow!("waited {limit:?} in vain for {what}"))?
    }

    /// Listens until `choose` finds what it wants in the text of a message, which is not read any further.
    pub async fn until_text<T>(
        &mut self,
        limit: Duration,
        what: &str,
        mut choose: impl FnMut(&str) -> Option<T>,
    ) -> anyhow::Result<T> {
        let listening = async {
            loop {
                match self.next_frame().await? {
                    Frame::Text(text) => {
                        if let Some(found) = choose(&text) {
                            return Ok(found);
                        }
                    }
                    Frame::Other(Heard::Closed(code)) => {
                        bail!("the server closed the WebSocket before {what} ({code:?})")
                    }
                    Frame::Other(_) => {}
                }
            }
        };
        tokio::time::timeout(limit, listening).await.map_err(|_| anyhow!("waited {limit:?} in vain for {what}"))?
    }

    async fn next_frame(&mut self) -> anyhow::Result<Frame> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(Frame::Text(text)),
                Some(Ok(Message::Binary(bytes))) => {
                    let preview = Preview::decode(&bytes).context("a binary frame is no preview")?;
                    let (job_id, step, jpeg) = (preview.job_id, preview.step, preview.jpeg.to_vec());
                    return Ok(Frame::Other(Heard::Preview { job_id, step, jpeg }));
                }
                Some(Ok(Message::Close(frame))) => {
                    return Ok(Frame::Other(Heard::Closed(frame.map(|frame| frame.code.into()))));
                }
                Some(Ok(_)) => {}
                None | Some(Err(tungstenite::Error::ConnectionClosed)) => return Ok(Frame::Other(Heard::Closed(None))),
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    /// Listens to events until `is_last` says that this was the last one; returns them all.
    pub async fn events_until(
        &mut self,
        limit: Duration,
        what: &str,
        is_last: impl Fn(&JobChange) -> bool,
    ) -> anyhow::Result<Vec<JobEvent>> {
        let mut events = Vec::new();
        self.until(limit, what, |heard| {
            let Heard::Message(message) = heard else { return None };
            let ServerMessage::Event(event) = *message else { return None };
            let is_done = is_last(&event.change);
            events.push(event);
            is_done.then_some(())
        })
        .await?;
        Ok(events)
    }
}

/// Returns whether a change is an end.
#[must_use]
pub fn is_end(change: &JobChange) -> bool {
    matches!(
        change,
        JobChange::Succeeded { .. } | JobChange::Failed { .. } | JobChange::Cancelled | JobChange::Dead { .. }
    )
}
