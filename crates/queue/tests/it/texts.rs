//! Text jobs: asked for by one instance of the API, answered piece by piece, and gone when they end.

mod asking;
mod choosing;
mod ending;

use std::time::Duration;

use contract::{
    JobId,
    job::Priority,
    spec::WorkerKind,
    text::{TextAnswer, TextEvent, TextFrame, TextJob, reply::Delta},
};
use queue::{Accepted, Affinity, Consumer, Ending, Lease, Queue, Reply, TextEnd};
use time::OffsetDateTime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use crate::ground::{Ground, LONG, within};

/// A wait that is never over within a test.
const WAIT: Duration = Duration::from_secs(300);

fn text_job(reply_to: &str) -> TextJob {
    text_job_of("tiny", reply_to)
}

fn text_job_of(model: &str, reply_to: &str) -> TextJob {
    let request = serde_json::json!({"kind": "completion", "prompt": "Once upon"});
    TextJob {
        id: JobId::new(),
        model: model.to_owned(),
        request: serde_json::from_value(request).unwrap(),
        reply_to: reply_to.to_owned(),
        inputs: Vec::new(),
        submitted_at: OffsetDateTime::UNIX_EPOCH,
        traceparent: None,
    }
}

async fn ask(queue: &Queue, job: &TextJob) -> JobId {
    queue.publish_text(job, Priority::Interactive, WAIT, Duration::from_millis(1)).await.unwrap();
    job.id
}

async fn worker(ground: &Ground, name: &str) -> Consumer<TextJob> {
    ground.another().await.text_consumer(name, LONG).await.unwrap()
}

async fn take_text(consumer: &mut Consumer<TextJob>) -> Lease<TextJob> {
    take_text_with(consumer, &Affinity::default()).await
}

async fn take_text_with(consumer: &mut Consumer<TextJob>, affinity: &Affinity) -> Lease<TextJob> {
    within(consumer.next(affinity, &CancellationToken::new())).await.unwrap().expect("nobody stopped the consumer")
}

fn words(id: JobId, number: u64) -> TextFrame {
    let delta = Delta { text: format!("word {number} "), ..Delta::default() };
    TextFrame { id, number, events: vec![TextEvent::Delta(delta)] }
}

fn last(id: JobId, number: u64) -> TextFrame {
    let answer = TextAnswer::Text { text: "that is all".to_owned() };
    TextFrame { id, number, events: vec![TextEvent::End { answer }] }
}

/// Ends a text job well, with a frame of this number.
async fn finish(lease: Lease<TextJob>, number: u64) -> Accepted {
    let frame = last(lease.job.id, number);
    lease.finish(Ending::Text(&frame)).await.unwrap()
}

async fn hear(replies: &mut UnboundedReceiver<Reply>) -> Reply {
    within(replies.recv()).await.expect("the subscription goes on")
}

/// Asserts that nothing is left of any text job: no hash, no entry, no end on its way to SQL, no event.
async fn assert_nothing_left(ground: &Ground) {
    assert_eq!(ground.queue.open_jobs().await.unwrap(), []);
    assert_eq!(ground.queue.depth(WorkerKind::Llm).await.unwrap(), queue::Depth::default());
    assert_eq!(ground.finished().await, []);
    assert_eq!(ground.events().await, []);
}

fn said(frame: TextFrame) -> Reply {
    Reply::End { id: frame.id, end: TextEnd::Said(frame) }
}
