//! Who may open a conversation, and what happens to those who say nonsense.

use contract::{
    key::CreatedKey,
    problem::ProblemCode,
    socket::{CLOSE_UNAUTHORIZED, ServerMessage},
};
use futures::SinkExt as _;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Heard, Socket};
use crate::http::house::{House, send};
use crate::wait::PATIENCE;

async fn house_with_key() -> (House, String) {
    let house = House::open().await;
    let created: CreatedKey = house.post("/api/keys", &json!({ "name": "me", "scope": "admin" })).await.json();
    (house, created.secret)
}

fn status(refused: Result<Socket, Box<Error>>) -> u16 {
    match refused.map(|_| ()).map_err(|error| *error) {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

#[tokio::test]
async fn a_key_comes_in_the_header_or_in_the_first_message() {
    let (house, secret) = house_with_key().await;
    let mut socket = Socket::open_with(&house, &[("authorization", &format!("Bearer {secret}"))]).await.unwrap();
    socket.say(&json!({ "type": "subscribe", "jobs": "all" })).await;
    socket.subscribed().await;
    assert_eq!(status(Socket::open_with(&house, &[("authorization", "Bearer atl_wrong")]).await), 401);

    let mut socket = Socket::open(&house).await;
    socket.say(&json!({ "type": "authenticate", "key": secret })).await;
    socket.say(&json!({ "type": "subscribe", "jobs": "all" })).await;
    socket.subscribed().await;
}

#[tokio::test]
async fn without_a_valid_key_nothing_is_said_but_goodbye() {
    let (house, _) = house_with_key().await;
    house.queue.announce(contract::JobId::new(), &contract::event::JobChange::Queued).await.unwrap();
    for first in [
        json!({ "type": "authenticate", "key": "atl_wrong" }),
        json!({ "type": "authenticate", "key": "" }),
        json!({ "type": "subscribe", "jobs": "all" }),
        json!("hello"),
    ] {
        let mut socket = Socket::open(&house).await;
        socket.say(&first).await;
        assert_eq!(socket.hear_anything().await, Heard::Closed(CLOSE_UNAUTHORIZED), "{first}");
    }
    // Who says nothing is not waited for long.
    let mut socket = Socket::open(&house).await;
    assert_eq!(socket.hear_anything().await, Heard::Closed(CLOSE_UNAUTHORIZED));
    // The door for keys in the first message opens for a WebSocket only.
    assert_eq!(house.get("/ws").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn when_a_key_is_revoked_its_conversations_and_streams_end_soon() {
    let (house, secret) = house_with_key().await;
    let as_admin = |method, path: &str| house.request(method, path).bearer_auth(&secret);
    let new = as_admin(Method::POST, "/api/keys").json(&json!({ "name": "phone", "scope": "read" }));
    let phone: CreatedKey = send(new).await.json();
    let mut socket =
        Socket::open_with(&house, &[("authorization", &format!("Bearer {}", phone.secret))]).await.unwrap();
    socket.say(&json!({ "type": "subscribe", "jobs": "all" })).await;
    socket.subscribed().await;
    let stream = house.request(Method::GET, "/api/events").bearer_auth(&phone.secret).send().await.unwrap();
    let path = format!("/api/keys/{}", phone.key.id);
    assert_eq!(send(as_admin(Method::DELETE, &path)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(socket.hear().await, Heard::Closed(CLOSE_UNAUTHORIZED));
    tokio::time::timeout(PATIENCE, stream.text()).await.expect("the stream ends in time").unwrap();
}

#[tokio::test]
async fn pages_of_strangers_get_no_conversation() {
    let house = House::open().await;
    let own = format!("http://{}", house.address);
    assert!(Socket::open_with(&house, &[("origin", &own)]).await.is_ok());
    for origin in ["null", "http://evil.com", "http://localhost.evil.com", "http://127.0.0.1"] {
        assert_eq!(status(Socket::open_with(&house, &[("origin", origin)]).await), 403, "{origin}");
    }
    assert_eq!(status(Socket::open_with(&house, &[("host", "evil.com")]).await), 421);
}

#[tokio::test]
async fn a_handshake_that_is_none_is_a_problem() {
    let house = House::open().await;
    let answer = house.get("/ws").await;
    assert_eq!((answer.status, answer.problem().code), (StatusCode::BAD_REQUEST, ProblemCode::MalformedRequest));
    let half = house.request(Method::GET, "/ws").header("upgrade", "websocket").header("connection", "upgrade");
    assert_eq!(send(half).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(house.post("/ws", &json!({})).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn nonsense_is_answered_and_the_conversation_goes_on() {
    let house = House::open().await;
    let mut socket = Socket::open(&house).await;
    let many: Vec<String> = (0..257).map(|_| contract::JobId::new().to_string()).collect();
    for nonsense in [
        json!("hello"),
        json!({}),
        json!({ "type": "dance" }),
        json!({ "type": "subscribe" }),
        json!({ "type": "subscribe", "jobs": "some" }),
        json!({ "type": "subscribe", "jobs": ["1"] }),
        json!({ "type": "subscribe", "jobs": "all", "more": 1 }),
        json!({ "type": "subscribe", "jobs": many }),
        json!({ "type": "resume", "after": "yesterday" }),
        json!({ "type": "previews", "on": "yes" }),
    ] {
        socket.say(&nonsense).await;
        let heard = socket.hear().await;
        assert!(matches!(heard, Heard::Said(ServerMessage::Problem { .. })), "{nonsense}: {heard:?}");
    }
    socket.0.send(Message::text("[".repeat(60_000))).await.unwrap();
    assert!(matches!(socket.hear().await, Heard::Said(ServerMessage::Problem { .. })));
    socket.say(&json!({ "type": "subscribe", "jobs": "all" })).await;
    socket.subscribed().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_or_binary_ends_the_conversation() {
    let house = House::open().await;
    for message in [Message::text("x".repeat(65_537)), Message::binary(vec![1, 2, 3])] {
        let mut socket = Socket::open(&house).await;
        socket.0.send(message).await.unwrap();
        let heard = socket.hear().await;
        assert!(matches!(heard, Heard::Closed(1008) | Heard::Gone), "{heard:?}");
    }
    assert_eq!(house.get("/livez").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_stopping_server_says_goodbye() {
    let house = House::open().await;
    let mut socket = Socket::open(&house).await;
    socket.say(&json!({ "type": "subscribe", "jobs": "all" })).await;
    socket.subscribed().await;
    house.begin_to_stop();
    assert_eq!(socket.hear().await, Heard::Closed(1001));
    drop(socket);
    house.stop().await;
}
