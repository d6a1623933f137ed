//! Keys: who may do what.

use contract::{
    key::{ApiKey, CreatedKey},
    page::Page,
    problem::{Problem, ProblemCode},
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tests::{
    client,
    plan::Plan,
    socket::{Heard, Socket},
};

use crate::pictures::picture;

const KEY: &str = "the-key-of-the-administrator";

#[tokio::test]
async fn with_a_key_nobody_without_one_gets_anywhere_and_scopes_hold() {
    let system = Plan::new().set("api_key", &KEY).start().await.unwrap();
    let admin = system.client();
    let create = async |name: &str, scope: &str| {
        let answer = admin.post("/api/keys", &json!({"name": name, "scope": scope})).await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        client::read::<CreatedKey>(answer).await.unwrap()
    };
    let reader = create("reader", "read").await;
    let submitter = create("submitter", "submit").await;

    for key in [None, Some("wrong"), Some("")] {
        let stranger = admin.with_key(key);
        for path in ["/api/jobs", "/api/events", "/api/system", "/api/keys", "/metrics"] {
            let answer = stranger.get(path).await.unwrap();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path} with {key:?}");
            let problem: Problem = answer.json().await.unwrap();
            assert_eq!(problem.code, ProblemCode::Unauthorized);
        }
        assert_eq!(stranger.get("/livez").await.unwrap().status(), StatusCode::OK);
    }
    let reads = admin.with_key(Some(&reader.secret));
    assert_eq!(reads.get("/api/jobs").await.unwrap().status(), StatusCode::OK);
    let refused = reads.post("/api/workflows/text_to_image", &picture("not mine", 1)).await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let submits = admin.with_key(Some(&submitter.secret));
    submits.submit(&picture("mine", 1)).await.unwrap();
    assert_eq!(submits.get("/api/keys").await.unwrap().status(), StatusCode::FORBIDDEN);

    let listed: Page<ApiKey> = admin.get_json("/api/keys").await.unwrap();
    assert_eq!(listed.data.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["reader", "submitter"]);
    let delete = admin.request(Method::DELETE, &format!("/api/keys/{}", submitter.key.id)).unwrap();
    assert_eq!(delete.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(submits.get("/api/jobs").await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_browser_may_say_its_key_in_the_first_message_and_a_stranger_is_shown_the_door() {
    let system = Plan::new().set("api_key", &KEY).start().await.unwrap();
    let client = system.client().with_key(None);
    let mut socket = Socket::connect(&client).await.unwrap();
    socket.say_text(&json!({"type": "authenticate", "key": KEY}).to_string()).await.unwrap();
    socket.say_text(r#"{"type":"subscribe","jobs":"all"}"#).await.unwrap();
    let is_answer = |text: &str| text.contains(r#""type":"subscribed""#).then_some(());
    socket.until_text(crate::LIMIT, "the answer to subscribe", is_answer).await.unwrap();

    let mut stranger = Socket::connect(&client).await.unwrap();
    stranger.say_text(&json!({"type": "authenticate", "key": "wrong"}).to_string()).await.unwrap();
    let closed = stranger.until(crate::LIMIT, "the door", |heard| match heard {
        Heard::Closed(code) => Some(code),
        _ => None,
    });
    assert_eq!(closed.await.unwrap(), Some(contract::socket::CLOSE_UNAUTHORIZED));
}
