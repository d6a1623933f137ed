//! One conversation with one client, from its key to its goodbye.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code},
};
use contract::{
    key::Scope,
    problem::ProblemCode,
    socket::{CLOSE_TOO_SLOW, CLOSE_UNAUTHORIZED, ClientMessage, ServerMessage, Watched},
};
use futures::SinkExt as _;
use tokio::time::{Instant, timeout};
use tracing::debug;

use crate::{
    http::{
        Api,
        access::{Caller, Visit},
        metrics,
        problem::Error,
    },
    live::{Outgoing, Watch},
};

/// How long a client may take to send its key.
const KEY_WITHIN: Duration = Duration::from_secs(5);
/// After how long without any sign a client is given up.
const SILENT_FOR: Duration = Duration::from_secs(60);
/// How long a client may take to accept what is sent.
const SEND_WITHIN: Duration = Duration::from_secs(30);
/// How long the client's half of the goodbye is waited for.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// How many messages are written at once.
const MOST_AT_ONCE: usize = 64;
/// How many jobs a client may watch by their ids.
const MOST_JOBS: usize = 256;

/// Why a conversation ends, as its close frame says it.
struct Goodbye {
    code: u16,
    reason: &'static str,
}

const STOPPING: Goodbye = Goodbye { code: close_code::AWAY, reason: "the server is stopping; connect again" };
const UNAUTHORIZED: Goodbye = Goodbye { code: CLOSE_UNAUTHORIZED, reason: "send a valid key in the first message" };
const TOO_SLOW: Goodbye = Goodbye { code: CLOSE_TOO_SLOW, reason: "too slow; connect again and resume" };
const TRY_LATER: Goodbye = Goodbye { code: close_code::AGAIN, reason: "the server cannot follow; connect again" };
const NO_MESSAGE: Goodbye =
    Goodbye { code: close_code::POLICY, reason: "that was no message, or one of more than 65536 bytes" };

/// Holds a conversation until one side ends it. Without a caller, the first message must say who it is.
pub(super) async fn hold(api: &Arc<Api>, mut socket: WebSocket, caller: Option<Caller>) {
    let _counted = metrics::count_socket();
    let goodbye = tokio::select! {
        () = api.stop.cancelled() => Some(STOPPING),
        goodbye = converse(api, &mut socket, caller) => goodbye,
    };
    if let Some(Goodbye { code, reason }) = goodbye {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        let close = async {
            socket.send(Message::Close(Some(frame))).await?;
            // Closing while the client's bytes are unread could destroy the close frame on its way.
            while let Some(Ok(_)) = socket.recv().await {}
            Ok::<(), axum::Error>(())
        };
        let _ = timeout(CLOSE_WITHIN, close).await;
    }
}

/// Returns how to say goodbye; none if the client is gone already.
async fn converse(api: &Arc<Api>, socket: &mut WebSocket, caller: Option<Caller>) -> Option<Goodbye> {
    let caller = match caller {
        Some(caller) => Some(caller),
        None => authenticate(api, socket).await,
    };
    let Some(caller) = caller else { return Some(UNAUTHORIZED) };
    let mut visit = Visit::new(Arc::clone(api), caller);
    let mut watch = api.live.open();
    watch.want_pulse();
    let mut heard_at = Instant::now();
    loop {
        tokio::select! {
            biased;
            message = socket.recv() => {
                heard_at = Instant::now();
                match message? {
                    Ok(Message::Text(text)) => {
                        if let Err(error) = obey(&mut watch, text.as_str()).await {
                            let (code, detail) = error.into_words();
                            send(socket, json(&ServerMessage::Problem { code, detail })).await.ok()?;
                        }
                    }
                    Ok(Message::Ping(_) | Message::Pong(_)) => {}
                    Ok(Message::Close(_)) => return None,
                    Ok(Message::Binary(_)) | Err(_) => return Some(NO_MESSAGE),
                }
            },
            may_stay = visit.look() => {
                if !may_stay {
                    return Some(UNAUTHORIZED);
                }
                if heard_at.elapsed() > SILENT_FOR {
                    return None;
                }
                send(socket, Message::Ping(Bytes::new())).await.ok()?;
            }
            outgoing = watch.next() => match outgoing {
                Ok(outgoing) => {
                    if let Err(goodbye) = send_all(socket, &mut watch, outgoing).await {
                        return goodbye;
                    }
                }
                Err(error) => {
                    debug!("a client cannot follow the events: {:#}", anyhow::Error::from(error));
                    return Some(TRY_LATER);
                }
            },
        }
    }
}

/// Waits for the key in the first message.
async fn authenticate(api: &Api, socket: &mut WebSocket) -> Option<Caller> {
    let Ok(Some(Ok(Message::Text(text)))) = timeout(KEY_WITHIN, socket.recv()).await else { return None };
    let Ok(ClientMessage::Authenticate { key }) = serde_json::from_str(text.as_str()) else { return None };
    let caller = api.access.identify(api, Some(&key)).await.ok()??;
    (caller.scope >= Scope::Read).then_some(caller)
}

async fn obey(watch: &mut Watch, text: &str) -> Result<(), Error> {
    let message = serde_json::from_str(text).map_err(|error| {
        let detail = format!("this is no message that the server knows ({error}); docs/websocket.md lists them");
        Error::new(ProblemCode::MalformedRequest, detail)
    })?;
    match message {
        // The key came with the handshake, or none is needed.
        ClientMessage::Authenticate { .. } => Ok(()),
        ClientMessage::Subscribe { jobs } => Ok(watch.follow(few(jobs)?).await?),
        ClientMessage::Resume { after, jobs } => {
            let after = after
                .parse()
                .map_err(|error: crate::live::UnreadableId| Error::invalid_field("/after", error.to_string()))?;
            Ok(watch.resume(after, few(jobs)?).await?)
        }
        ClientMessage::Previews { on } => {
            watch.want_previews(on).await;
            Ok(())
        }
        ClientMessage::Memory { on: true } => {
            watch.want_memory();
            Ok(())
        }
        ClientMessage::Memory { on: false } => {
            watch.refuse_memory();
            Ok(())
        }
    }
}

fn few(watched: Watched) -> Result<Watched, Error> {
    match watched {
        Watched::Jobs(ids) if ids.len() > MOST_JOBS => {
            let detail = format!("watch at most {MOST_JOBS} jobs by their ids, or \"all\"");
            Err(Error::invalid_field("/jobs", detail))
        }
        watched => Ok(watched),
    }
}

/// Sends this and whatever else is there, so that many small messages are one write.
async fn send_all(socket: &mut WebSocket, watch: &mut Watch, first: Outgoing) -> Result<(), Option<Goodbye>> {
    let work = async {
        socket.feed(message(first)?).await.map_err(|_| None)?;
        for _ in 1..MOST_AT_ONCE {
            let Some(more) = watch.take() else { break };
            socket.feed(message(more)?).await.map_err(|_| None)?;
        }
        socket.flush().await.map_err(|_| None)
    };
    timeout(SEND_WITHIN, work).await.unwrap_or(Err(None))
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), ()> {
    let sent = timeout(SEND_WITHIN, socket.send(message)).await;
    sent.map_err(drop)?.map_err(drop)
}

fn message(outgoing: Outgoing) -> Result<Message, Option<Goodbye>> {
    match outgoing {
        Outgoing::Event(event) => text(event.for_socket()),
        Outgoing::CaughtUp(place) => Ok(json(&ServerMessage::Subscribed { after: place.to_string() })),
        Outgoing::Resync => Ok(json(&ServerMessage::Resync)),
        Outgoing::Pulse(json) | Outgoing::Memory(json) => text(json),
        Outgoing::Preview(frame) => Ok(Message::Binary(frame)),
        Outgoing::TooSlow => Err(Some(TOO_SLOW)),
    }
}

/// Makes a frame of bytes that are JSON, without copying them.
fn text(json: Bytes) -> Result<Message, Option<Goodbye>> {
    Utf8Bytes::try_from(json).map(Message::Text).map_err(|_| Some(TRY_LATER))
}

fn json(message: &ServerMessage) -> Message {
    Message::Text(serde_json::to_string(message).unwrap_or_default().into())
}
