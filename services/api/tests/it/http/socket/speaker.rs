//! A client of the WebSocket.

use bytes::Bytes;
use contract::{event::JobEvent, socket::ServerMessage};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _, http::HeaderName},
};

use crate::http::house::House;
use crate::wait::PATIENCE;

pub(crate) struct Socket(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What the server says.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "there are few at a time, and they are passed on at once")]
pub(crate) enum Heard {
    Said(ServerMessage),
    Frame(Bytes),
    Closed(u16),
    Gone,
}

impl Socket {
    pub(crate) async fn open(house: &House) -> Self {
        Self::open_with(house, &[]).await.unwrap()
    }

    pub(crate) async fn open_with(house: &House, headers: &[(&'static str, &str)]) -> Result<Self, Box<Error>> {
        let mut request = format!("ws://{}/ws", house.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(HeaderName::from_static(name), value.parse().unwrap());
        }
        connect_async(request).await.map(|(stream, _)| Self(stream)).map_err(Box::new)
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// Waits for what the server says next, the state of the whole included.
    pub(crate) async fn hear_anything(&mut self) -> Heard {
        loop {
            let message = timeout(PATIENCE, self.0.next()).await.expect("the server says something in time");
            return match message {
                Some(Ok(Message::Text(text))) => Heard::Said(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Binary(frame))) => Heard::Frame(frame),
                Some(Ok(Message::Close(frame))) => Heard::Closed(frame.map_or(0, |frame| frame.code.into())),
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => Heard::Gone,
            };
        }
    }

    /// Waits for what the server says next about jobs.
    pub(crate) async fn hear(&mut self) -> Heard {
        let hear = async {
            loop {
                match self.hear_anything().await {
                    Heard::Said(ServerMessage::System(_)) => {}
                    heard => return heard,
                }
            }
        };
        timeout(PATIENCE, hear).await.expect("the server says something about jobs in time")
    }

    pub(crate) async fn event(&mut self) -> JobEvent {
        match self.hear().await {
            Heard::Said(ServerMessage::Event(event)) => event,
            other => panic!("an event was expected, not {other:?}"),
        }
    }

    /// Waits for the word that states or replay are complete; returns from where on.
    pub(crate) async fn subscribed(&mut self) -> String {
        match self.hear().await {
            Heard::Said(ServerMessage::Subscribed { after }) => after,
            other => panic!("the end of the states was expected, not {other:?}"),
        }
    }
}
