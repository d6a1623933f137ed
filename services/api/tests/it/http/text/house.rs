//! A server with the tiny language model, and a text worker that the test plays.

use std::time::Duration;

use contract::{
    job::{Failure, FailureCode},
    text::{
        TextAnswer, TextEvent, TextFrame, TextJob,
        reply::{Delta, Finish, Timings, Usage},
    },
};
use queue::{Accepted, Affinity, Consumer, Ending, Lease};
use reqwest::RequestBuilder;
use serde_json::Value;
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    http::house::{Answer, House, send},
    wait::PATIENCE,
};

/// The id of the tiny model.
pub(super) const MODEL: &str = "smoke";

/// Opens a server whose models folder has the tiny language model, and returns a worker.
pub(super) async fn open_with(settings: &[(&str, &str)]) -> (House, Consumer<TextJob>) {
    let house = House::open_with(settings).await;
    testkit::tiny_models::write_llm(&house.folder.path().join("models")).unwrap();
    let worker = house.queue.text_consumer("test-writer", Duration::from_secs(15)).await.unwrap();
    (house, worker)
}

pub(super) async fn open() -> (House, Consumer<TextJob>) {
    open_with(&[]).await
}

/// Sends a request whose answer comes later.
pub(super) fn begin(request: RequestBuilder) -> JoinHandle<Answer> {
    tokio::spawn(send(request))
}

/// Lets so much time pass at once for everything in this process. The queue, a process of its own, notices nothing.
pub(super) async fn leap(house: &House, time: Duration) {
    // What is answered last has been asked last: nobody waits for the queue any more, and takes it for dead.
    assert_eq!(house.get("/api/workers").await.status, reqwest::StatusCode::OK);
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Waits for the next job.
pub(super) async fn next_job(worker: &mut Consumer<TextJob>) -> Lease<TextJob> {
    let (affinity, never) = (Affinity::default(), CancellationToken::new());
    timeout(PATIENCE, worker.next(&affinity, &never)).await.expect("a job comes in time").unwrap().unwrap()
}

/// Sends a frame; returns how many heard it.
pub(super) async fn say(lease: &Lease<TextJob>, number: u64, events: Vec<TextEvent>) -> u64 {
    lease.send(&TextFrame { id: lease.job.id, number, events }).await.unwrap()
}

/// Ends a job with these events.
pub(super) async fn end(lease: Lease<TextJob>, number: u64, events: Vec<TextEvent>) {
    let frame = TextFrame { id: lease.job.id, number, events };
    assert_eq!(lease.finish(Ending::Text(&frame)).await.unwrap(), Accepted::Yes);
}

/// Ends a job with these words.
pub(super) async fn answer(lease: Lease<TextJob>, words: &str) {
    end(lease, 0, vec![delta(words, Some(Finish::Stop)), generated()]).await;
}

pub(super) fn delta(text: &str, finish: Option<Finish>) -> TextEvent {
    TextEvent::Delta(Delta { text: text.to_owned(), finish, ..Delta::default() })
}

pub(super) fn generated() -> TextEvent {
    generated_with(None)
}

/// Returns an end with so many tokens of thoughts among those of the answer.
pub(super) fn generated_with(reasoning_tokens: Option<u32>) -> TextEvent {
    let usage = Usage { prompt_tokens: 4, cached_tokens: 1, completion_tokens: 3, reasoning_tokens };
    let timings = Timings { prompt_ms: 10.0, generation_ms: 30.0 };
    TextEvent::End { answer: TextAnswer::Generated { usage, timings } }
}

pub(super) fn failed(code: FailureCode, message: &str) -> TextEvent {
    let failure = Failure { code, message: message.to_owned(), remedy: Some("do this".to_owned()) };
    TextEvent::Failed { failure }
}

/// Reads the error of an answer, which has all four words.
pub(super) fn error(answer: &Answer) -> Value {
    let body: Value = answer.json();
    let error = body["error"].as_object().unwrap_or_else(|| panic!("no error: {body}"));
    let mut keys: Vec<&str> = error.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["code", "message", "param", "type"], "{body}");
    body["error"].clone()
}

/// Reads the events of a stream, and how often it said that it lives.
pub(super) fn events(text: &str) -> (Vec<Value>, Vec<String>) {
    let (mut events, mut comments) = (Vec::new(), Vec::new());
    for block in text.split_terminator("\n\n") {
        for line in block.lines() {
            if let Some(data) = line.strip_prefix("data: ") {
                events.push(serde_json::from_str(data).unwrap_or_else(|_| data.into()));
            } else if let Some(comment) = line.strip_prefix(": ") {
                comments.push(comment.to_owned());
            } else {
                assert!(line.starts_with("event: "), "{line}");
            }
        }
    }
    (events, comments)
}
