//! An event, written once and sent to many.

use std::sync::OnceLock;

use bytes::Bytes;
use contract::{
    JobId,
    event::{JobChange, JobEvent},
    socket::ServerMessage,
};
use serde::Serialize;

use super::StreamId;

/// An event in the forms in which clients get it. Each form is written when the first client wants it.
#[derive(Debug)]
pub(crate) struct Encoded {
    event: JobEvent,
    /// Its place in the stream; zero for a state that is not from the stream.
    pub(crate) id: StreamId,
    socket: OnceLock<Bytes>,
    sse: OnceLock<Bytes>,
}

impl Encoded {
    pub(crate) fn new(event: JobEvent) -> Self {
        let id = event.id.parse().unwrap_or_default();
        Self { event, id, socket: OnceLock::new(), sse: OnceLock::new() }
    }

    pub(crate) fn job_id(&self) -> JobId {
        self.event.job_id
    }

    pub(crate) fn is_progress(&self) -> bool {
        matches!(self.event.change, JobChange::Progress(_))
    }

    pub(crate) fn is_end(&self) -> bool {
        use JobChange::{Cancelled, Dead, Failed, Succeeded};
        matches!(self.event.change, Succeeded { .. } | Failed { .. } | Cancelled | Dead { .. })
    }

    /// Returns the text of a WebSocket frame.
    pub(crate) fn for_socket(&self) -> Bytes {
        self.socket.get_or_init(|| json(&ServerMessage::Event(self.event.clone()))).clone()
    }

    /// Returns a server-sent event.
    pub(crate) fn for_sse(&self) -> Bytes {
        let write = || {
            let data = json(&self.event);
            // A state has no id, so that the browser keeps the one that it would resume from.
            let id = if self.event.id.is_empty() { String::new() } else { format!("id: {}\n", self.event.id) };
            Bytes::from([id.as_bytes(), b"data: ", &data, b"\n\n"].concat())
        };
        self.sse.get_or_init(write).clone()
    }
}

/// Writes JSON. Our own types cannot fail to be written.
pub(crate) fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).map_or_else(|_| Bytes::from_static(b"null"), Bytes::from)
}
