//! Tagging is never ahead of what people want, and never in its way.

use std::time::Duration;

use api::db::{Db, Sense};
use contract::{
    JobId,
    job::Priority,
    tag::TaggingState,
    text::{TextJob, TextRequest},
    worker::WorkerState,
};
use queue::{Accepted, Lease, Outcome};
use reqwest::{Method, StatusCode};
use serde_json::json;
use time::OffsetDateTime;
use tokio::time::timeout;

use super::{
    super::house::{MODEL, answer, begin, next_job},
    studio::{AT_ONCE, Studio, tag},
};
use crate::{
    http::house::succeed,
    sample::{failure, file, noon, result},
    wait::{PATIENCE, until_true},
};

const CHAT: &str = "/v1/chat/completions";

fn hello() -> serde_json::Value {
    json!({ "model": MODEL, "messages": [{ "role": "user", "content": "hello" }] })
}

/// Waits until the worker hears that nobody wants the tags any more, and gives the request back.
async fn is_dropped(lease: Lease<TextJob>) {
    timeout(PATIENCE, lease.cancelled().cancelled()).await.expect("the worker hears of it");
    assert_eq!(lease.cancel().await.unwrap(), Accepted::Yes);
}

#[tokio::test]
async fn nobody_is_asked_before_the_machine_was_idle_for_a_while() {
    let mut studio = Studio::open_with(&[]).await;
    studio.announce(WorkerState::Idle, &[MODEL]).await;
    let (_, picture) = studio.paint("a lighthouse").await;
    studio.assert_not_asked_now().await;
    studio.clock.advance(Duration::from_secs(29));
    studio.assert_not_asked_now().await;
    let lease = studio.asked_while(Duration::from_millis(100)).await;
    assert!(studio.clock.now() >= noon() + Duration::from_secs(30), "{}", studio.clock.now());
    tag(lease).await;
    studio.until(picture, |tagging| tagging.state == Some(TaggingState::Tagged)).await;
    // The next one follows at once.
    let refused = studio.house.post(&format!("/api/assets/{picture}/tags/retry"), &json!({})).await;
    assert_eq!(refused.status, StatusCode::ACCEPTED);
    tag(studio.asked().await).await;
}

#[tokio::test]
async fn a_model_that_must_be_loaded_waits_longer() {
    let mut studio = Studio::open_with(&[]).await;
    studio.announce(WorkerState::Idle, &["another"]).await;
    studio.paint("a lighthouse").await;
    tag(studio.asked_while(Duration::from_millis(1000)).await).await;
    assert!(studio.clock.now() >= noon() + Duration::from_secs(300), "{}", studio.clock.now());
}

#[tokio::test]
async fn nothing_is_tagged_while_anybody_needs_the_machine() {
    let mut studio = Studio::open().await;
    studio.house.post("/api/queue/pause", &json!({ "worker_kind": "llm" })).await;
    let (_, picture) = studio.paint("a lighthouse").await;
    studio.assert_not_asked().await;

    // A job that waits, and one that runs.
    studio.house.submit("another lighthouse").await;
    studio.house.post("/api/queue/resume", &json!({})).await;
    studio.assert_not_asked().await;
    let job = studio.begin_to_paint().await;
    studio.assert_not_asked().await;

    // Somebody of another instance who waits for text, while the picture is finished.
    let other = TextJob {
        id: JobId::new(),
        model: "elsewhere".to_owned(),
        request: TextRequest::Tokenize(serde_json::from_value(json!({ "text": "hello" })).unwrap()),
        reply_to: "another instance".to_owned(),
        inputs: Vec::new(),
        submitted_at: OffsetDateTime::UNIX_EPOCH,
        traceparent: None,
    };
    let queue = &studio.house.queue;
    queue.publish_text(&other, Priority::Interactive, PATIENCE, PATIENCE).await.unwrap();
    let stranger = studio.asked().await;
    assert_eq!(stranger.job.id, other.id);
    succeed(job, &result(vec![file('b')])).await;
    studio.assert_not_asked().await;
    assert_eq!(studio.tagging(picture).await.failures, 0);
    assert_eq!(stranger.cancel().await.unwrap(), Accepted::Yes);
    tag(studio.asked().await).await;
}

#[tokio::test]
async fn whoever_submits_a_job_ends_the_tagging_at_once_and_it_costs_no_try() {
    let mut studio = Studio::open().await;
    let (_, picture) = studio.paint("a lighthouse").await;
    for _ in 0..4 {
        let lease = studio.asked().await;
        studio.house.submit("another").await;
        is_dropped(lease).await;
        let job = studio.begin_to_paint().await;
        let tagging = studio.tagging(picture).await;
        assert_eq!((tagging.state, tagging.failures, tagging.reason), (Some(TaggingState::Waiting), 0, None));
        let _ = job.fail(Outcome::Failed, &failure("no")).await.unwrap();
    }
    tag(studio.asked().await).await;
    studio.until(picture, |tagging| tagging.state == Some(TaggingState::Tagged)).await;
    studio.until_empty().await;
}

#[tokio::test]
async fn whoever_chats_ends_the_tagging_and_is_answered_though_there_is_place_for_one() {
    let mut studio = Studio::open_with(&[AT_ONCE, &[("ATELIER_TEXT_OPEN", "1")]].concat()).await;
    studio.announce(WorkerState::Idle, &[MODEL]).await;
    let (_, picture) = studio.paint("a lighthouse").await;
    let lease = studio.asked().await;
    let waiting = begin(studio.house.request(Method::POST, CHAT).json(&hello()));
    let chat = next_job(&mut studio.writer).await;
    is_dropped(lease).await;
    assert!(!chat.cancelled().is_cancelled());
    studio.assert_not_asked().await;
    answer(chat, "good day").await;
    assert_eq!(waiting.await.unwrap().status, StatusCode::OK);
    assert_eq!(studio.tagging(picture).await.failures, 0);
    tag(studio.asked().await).await;
    studio.until(picture, |tagging| tagging.state == Some(TaggingState::Tagged)).await;
}

#[tokio::test]
async fn whoever_asks_another_instance_ends_the_tagging_too() {
    let mut studio = Studio::open().await;
    let (_, picture) = studio.paint("a lighthouse").await;
    let lease = studio.asked().await;
    let other = TextJob { id: JobId::new(), reply_to: "another instance".to_owned(), ..lease.job.clone() };
    studio.house.queue.publish_text(&other, Priority::Interactive, PATIENCE, PATIENCE).await.unwrap();
    is_dropped(lease).await;
    assert_eq!(studio.tagging(picture).await.failures, 0);
    assert_eq!(studio.asked().await.cancel().await.unwrap(), Accepted::Yes);
    tag(studio.asked().await).await;
}

#[tokio::test]
async fn a_server_that_stops_gives_the_turn_back() {
    let mut studio = Studio::open().await;
    let (_, picture) = studio.paint("a lighthouse").await;
    let lease = studio.asked().await;
    let queue = studio.house.queue.clone();
    let (_valkey, folder) = studio.house.stop().await;
    is_dropped(lease).await;
    until_true("an empty queue", async || queue.open_jobs().await.unwrap().is_empty()).await;
    let url = format!("sqlite://{}", folder.path().join("atelier.db").display());
    let db = Db::open(&url).await.unwrap();
    let turn = db.take_tagging_turn(Sense::Sight, 1, 2).await.unwrap().expect("the turn is free");
    assert_eq!((turn.picture.id, turn.failures), (picture, 0));
}
