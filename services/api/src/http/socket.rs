//! The WebSocket: opens it, finds out who is there, and holds the conversation (docs/websocket.md).

mod conversation;

use std::sync::Arc;

use axum::{
    Extension,
    extract::{
        State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    response::Response,
};
use contract::problem::{Problem, ProblemCode};

use super::{Api, access::Caller, problem::Error};

/// The largest message of a client.
const MOST_MESSAGE_BYTES: usize = 64 << 10;
/// Clients say little, and a thousand of them should not take much memory.
const READ_BUFFER_BYTES: usize = 4 << 10;

/// Opens a WebSocket: events, previews and the state of the whole, as the client subscribes to them.
///
/// A browser, which cannot send the `Authorization` header, sends its key in the first message. The messages are the schemas
/// `ClientMessage` and `ServerMessage`.
#[utoipa::path(get, path = "/ws", tag = "events",
    responses(
        (status = 101, description = "The conversation begins."),
        (status = 400, description = "This is no WebSocket handshake.", content_type = "application/problem+json", body = Problem),
    ))]
pub(crate) async fn open_socket(
    State(api): State<Arc<Api>>,
    caller: Option<Extension<Caller>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Error> {
    let upgrade = upgrade.map_err(|rejection| {
        let detail = format!("this path speaks WebSocket only: {}", rejection.body_text());
        Error::new(ProblemCode::MalformedRequest, detail)
    })?;
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(MOST_MESSAGE_BYTES)
        .max_frame_size(MOST_MESSAGE_BYTES);
    // The server waits for this token before it ends.
    let token = api.tasks.token();
    Ok(upgrade.on_upgrade(async move |socket| {
        conversation::hold(&api, socket, caller.map(|Extension(caller)| caller)).await;
        drop(token);
    }))
}
