//! Ends for which no worker speaks, and ends that come twice.

use std::time::Duration;

use contract::{
    JobId,
    job::{Failure, FailureCode, Priority},
    spec::WorkerKind,
    text::{TextEvent, TextFrame},
};
use queue::{Accepted, Cancelled, Ending, Error, Reply, TextEnd};

use super::{WAIT, ask, assert_nothing_left, finish, hear, last, said, take_text, text_job, words, worker};
use crate::ground::{Ground, SHORT, within};

#[tokio::test]
async fn a_waiting_request_that_is_cancelled_is_gone_at_once() {
    let ground = Ground::new().await;
    let mut replies = ground.queue.subscribe_replies("a1").await.unwrap();
    let id = ask(&ground.queue, &text_job("a1")).await;
    assert_eq!(ground.queue.cancel(id).await.unwrap(), Cancelled::Cancelled);
    assert_nothing_left(&ground).await;
    assert_eq!(hear(&mut replies).await, Reply::End { id, end: TextEnd::Cancelled });
    assert_eq!(ground.queue.cancel(id).await.unwrap(), Cancelled::Absent);
}

#[tokio::test]
async fn the_worker_of_a_running_request_hears_the_cancel_at_once() {
    let ground = Ground::new().await;
    let mut replies = ground.queue.subscribe_replies("a1").await.unwrap();
    // With a lease of a minute the next beat is 12 seconds away: only the control channel is this quick.
    let mut consumer = worker(&ground, "w1").await;
    let id = ask(&ground.queue, &text_job("a1")).await;
    let lease = take_text(&mut consumer).await;
    let begin = std::time::Instant::now();
    assert_eq!(ground.queue.cancel(id).await.unwrap(), Cancelled::Requested);
    within(lease.cancelled().cancelled()).await;
    println!("the cancel took {:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(2), "it took {:?}", begin.elapsed());
    assert_eq!(lease.cancel().await.unwrap(), Accepted::Yes);
    assert_eq!(hear(&mut replies).await, Reply::End { id, end: TextEnd::Cancelled });
    assert_nothing_left(&ground).await;
}

#[tokio::test]
async fn the_end_of_a_worker_is_told_and_the_request_is_not_tried_again() {
    let ground = Ground::new().await;
    let mut replies = ground.queue.subscribe_replies("a1").await.unwrap();
    let id = ask(&ground.queue, &text_job("a1")).await;
    drop(take_text(&mut worker(&ground, "w1").await).await);
    ground.expire(id).await;
    within(async {
        // Nobody reaps before the connection has been well for a whole lease.
        while ground.queue.generations(&[id]).await.unwrap()[0].is_some() {
            ground.queue.reap(WorkerKind::Llm, SHORT).await.unwrap();
        }
    })
    .await;
    assert_eq!(hear(&mut replies).await, Reply::End { id, end: TextEnd::Dead });
    assert_nothing_left(&ground).await;
}

#[tokio::test]
async fn what_no_worker_takes_ends_when_the_wait_is_over() {
    let ground = Ground::new().await;
    let mut replies = ground.queue.subscribe_replies("a1").await.unwrap();
    let (short, long) = (text_job("a1"), text_job("a1"));
    let moment = Duration::from_millis(1);
    ground.queue.publish_text(&short, Priority::Normal, moment, SHORT).await.unwrap();
    ask(&ground.queue, &long).await;
    ground.next_millisecond().await;
    ground.next_millisecond().await;
    within(async {
        while ground.queue.generations(&[short.id]).await.unwrap()[0].is_some() {
            ground.queue.reap(WorkerKind::Llm, moment).await.unwrap();
        }
    })
    .await;
    assert_eq!(hear(&mut replies).await, Reply::End { id: short.id, end: TextEnd::Expired });
    assert_eq!(ground.queue.open_jobs().await.unwrap(), [long.id]);
    // A request that a worker has may take as long as it likes.
    let lease = take_text(&mut worker(&ground, "w1").await).await;
    let key = format!("{{test}}:job:{}", long.id);
    redis::cmd("HSET").arg(key).arg("expires").arg(0).exec_async(&mut ground.raw().await).await.unwrap();
    let mut reap = redis::cmd("FCALL");
    reap.arg("atelier_v1_reap").arg(2).arg("{test}:lanes:llm").arg("{test}:done").arg(60_000);
    let closed: u64 = reap.query_async(&mut ground.raw().await).await.unwrap();
    assert_eq!(closed, 0);
    assert_eq!(finish(lease, 0).await, Accepted::Yes);
    assert_eq!(hear(&mut replies).await, said(last(long.id, 0)));
}

#[tokio::test]
async fn an_end_that_is_told_again_is_heard_once() {
    let ground = Ground::new().await;
    let mut replies = ground.queue.subscribe_replies("a1").await.unwrap();
    let mut consumer = worker(&ground, "w1").await;
    let id = ask(&ground.queue, &text_job("a1")).await;
    let lease = take_text(&mut consumer).await;
    // Its answer was lost, so the holder asks again.
    let mut finish_unheard = redis::cmd("FCALL");
    finish_unheard.arg("atelier_v1_finish").arg(2).arg(format!("{{test}}:job:{id}")).arg("{test}:done");
    let frame = serde_json::to_string(&last(id, 0)).unwrap();
    finish_unheard.arg(id.to_string()).arg(lease.token()).arg("succeeded").arg(frame);
    let accepted: bool = finish_unheard.query_async(&mut ground.raw().await).await.unwrap();
    assert!(accepted);
    assert_eq!(finish(lease, 0).await, Accepted::Lost);
    let marker = ask(&ground.queue, &text_job("a1")).await;
    ground.queue.cancel(marker).await.unwrap();
    assert_eq!(hear(&mut replies).await, said(last(id, 0)));
    assert_eq!(hear(&mut replies).await, Reply::End { id: marker, end: TextEnd::Cancelled });
}

#[tokio::test]
async fn a_failure_is_the_last_frame_and_a_frame_that_ends_nothing_is_no_end() {
    let ground = Ground::new().await;
    let mut replies = ground.queue.subscribe_replies("a1").await.unwrap();
    let mut consumer = worker(&ground, "w1").await;
    ask(&ground.queue, &text_job("a1")).await;
    let lease = take_text(&mut consumer).await;
    let wrong = words(lease.job.id, 0);
    assert!(matches!(lease.finish(Ending::Text(&wrong)).await, Err(Error::NoEnd)));

    let id = ask(&ground.queue, &text_job("a1")).await;
    let lease = take_text(&mut consumer).await;
    let failure = Failure { code: FailureCode::EngineCrashed, message: "it died".to_owned(), remedy: None };
    let frame = TextFrame { id, number: 0, events: vec![TextEvent::Failed { failure }] };
    assert_eq!(lease.finish(Ending::Text(&frame)).await.unwrap(), Accepted::Yes);
    assert_eq!(hear(&mut replies).await, said(frame));
}

#[tokio::test]
async fn a_request_that_is_given_back_is_taken_again_and_no_event_tells_of_it() {
    let ground = Ground::new().await;
    let mut consumer = worker(&ground, "w1").await;
    let id: JobId = ask(&ground.queue, &text_job("a1")).await;
    assert_eq!(take_text(&mut consumer).await.release().await.unwrap(), Accepted::Yes);
    let again = take_text(&mut consumer).await;
    assert_eq!((again.job.id, again.attempt), (id, 1));
    ground.queue.cancel(id).await.unwrap();
    assert_eq!(again.cancel().await.unwrap(), Accepted::Yes);
    assert_nothing_left(&ground).await;
}

#[tokio::test]
async fn no_event_tells_how_far_an_answer_is() {
    let ground = Ground::new().await;
    let id = ask(&ground.queue, &text_job("a1")).await;
    let lease = take_text(&mut worker(&ground, "w1").await).await;
    let mut beat = redis::cmd("FCALL");
    beat.arg("atelier_v1_beat").arg(2).arg(format!("{{test}}:job:{id}")).arg("{test}:ev");
    beat.arg(id.to_string()).arg(lease.token()).arg("w1").arg(r#"{"type":"progress"}"#);
    let said: String = beat.query_async(&mut ground.raw().await).await.unwrap();
    let events: u64 = redis::cmd("XLEN").arg("{test}:ev").query_async(&mut ground.raw().await).await.unwrap();
    assert_eq!((said.as_str(), events), ("ok", 0));
}

#[tokio::test]
async fn when_all_data_are_lost_the_worker_hears_it() {
    let ground = Ground::new().await;
    let _replies = ground.queue.subscribe_replies("a1").await.unwrap();
    let mut consumer = ground.another().await.text_consumer("w1", SHORT).await.unwrap();
    ground.queue.publish_text(&text_job("a1"), Priority::Interactive, WAIT, SHORT).await.unwrap();
    let lease = take_text(&mut consumer).await;
    ground.valkey.flush().unwrap();
    within(lease.lost().cancelled()).await;
    assert_eq!(finish(lease, 0).await, Accepted::Lost);
}
