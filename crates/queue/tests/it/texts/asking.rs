//! From the question to the answer.

use std::time::Duration;

use contract::{job::Priority, spec::WorkerKind};
use queue::{Accepted, Affinity, Ending, Error, Queue, Reply, TextEnd, check::worker_acl_rules};
use tokio_util::sync::CancellationToken;

use super::{WAIT, ask, assert_nothing_left, finish, hear, last, said, take_text, text_job, words, worker};
use crate::ground::{Ground, LONG, PREFIX, publication, within};

/// More than a server keeps for one reader without complaint.
const MANY: u64 = 20_000;

#[tokio::test]
async fn an_answer_comes_in_pieces_to_whoever_asked_and_leaves_nothing() {
    let ground = Ground::new().await;
    let mut replies = ground.queue.subscribe_replies("a1").await.unwrap();
    let mut consumer = worker(&ground, "w1").await;
    let job = text_job("a1");
    let (lease, id) = tokio::join!(take_text(&mut consumer), ask(&ground.queue, &job));
    assert_eq!((&lease.job, lease.attempt, lease.max_attempts), (&job, 1, 1));
    for number in 0..3 {
        assert_eq!(lease.send(&words(id, number)).await.unwrap(), 1);
    }
    assert_eq!(finish(lease, 3).await, Accepted::Yes);
    for number in 0..3 {
        assert_eq!(hear(&mut replies).await, Reply::Frame(words(id, number)));
    }
    assert_eq!(hear(&mut replies).await, said(last(id, 3)));
    assert_nothing_left(&ground).await;
}

#[tokio::test]
async fn a_slow_reader_loses_nothing_and_hears_nothing_twice() {
    let ground = Ground::new().await;
    let mut replies = ground.queue.subscribe_replies("a1").await.unwrap();
    let mut consumer = worker(&ground, "w1").await;
    let id = ask(&ground.queue, &text_job("a1")).await;
    let lease = take_text(&mut consumer).await;
    for number in 0..MANY {
        assert_eq!(lease.send(&words(id, number)).await.unwrap(), 1);
    }
    assert_eq!(finish(lease, MANY).await, Accepted::Yes);
    // Only now somebody reads.
    for number in 0..MANY {
        assert_eq!(hear(&mut replies).await, Reply::Frame(words(id, number)));
    }
    assert_eq!(hear(&mut replies).await, said(last(id, MANY)));
}

#[tokio::test]
async fn a_large_frame_arrives_whole_and_one_that_is_too_large_is_refused() {
    let ground = Ground::new().await;
    let mut replies = ground.queue.subscribe_replies("a1").await.unwrap();
    let mut consumer = worker(&ground, "w1").await;
    let id = ask(&ground.queue, &text_job("a1")).await;
    let lease = take_text(&mut consumer).await;
    let mut frame = words(id, 0);
    let fill = |frame: &mut contract::text::TextFrame, bytes| match &mut frame.events[0] {
        contract::text::TextEvent::Delta(delta) => delta.text = "x".repeat(bytes),
        _ => unreachable!(),
    };
    fill(&mut frame, queue::text::MAX_FRAME_BYTES + 1);
    assert!(matches!(lease.send(&frame).await, Err(Error::TooLarge { .. })));
    fill(&mut frame, queue::text::MAX_FRAME_BYTES - 1000);
    assert_eq!(lease.send(&frame).await.unwrap(), 1);
    assert_eq!(hear(&mut replies).await, Reply::Frame(frame));
    let mut job = text_job("a1");
    job.model = "x".repeat(queue::text::MAX_TEXT_JOB_BYTES);
    let refused = ground.queue.publish_text(&job, Priority::Normal, WAIT, LONG).await;
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
}

#[tokio::test]
async fn two_instances_get_their_own_answers() {
    let ground = Ground::new().await;
    let other = ground.another().await;
    let mut of_one = ground.queue.subscribe_replies("a1").await.unwrap();
    let mut of_two = other.subscribe_replies("a2").await.unwrap();
    let mut consumer = worker(&ground, "w1").await;
    let one = ask(&ground.queue, &text_job("a1")).await;
    let two = ask(&other, &text_job("a2")).await;
    for _ in 0..2 {
        let lease = take_text(&mut consumer).await;
        assert_eq!(lease.send(&words(lease.job.id, 0)).await.unwrap(), 1);
        assert_eq!(finish(lease, 1).await, Accepted::Yes);
    }
    for (replies, id) in [(&mut of_one, one), (&mut of_two, two)] {
        assert_eq!(hear(replies).await, Reply::Frame(words(id, 0)));
        assert_eq!(hear(replies).await, said(last(id, 1)));
        assert!(replies.try_recv().is_err(), "somebody else's answer");
    }
}

#[tokio::test]
async fn a_worker_learns_that_nobody_waits() {
    let ground = Ground::new().await;
    let mut consumer = worker(&ground, "w1").await;
    // The instance that asked has died.
    let id = ask(&ground.queue, &text_job("dead")).await;
    let lease = take_text(&mut consumer).await;
    assert_eq!(lease.send(&words(id, 0)).await.unwrap(), 0);
    assert_eq!(lease.cancel().await.unwrap(), Accepted::Yes);
    assert_nothing_left(&ground).await;
}

#[tokio::test]
async fn whoever_dropped_the_receiver_no_longer_listens() {
    let ground = Ground::new().await;
    let replies = ground.queue.subscribe_replies("a1").await.unwrap();
    let mut consumer = worker(&ground, "w1").await;
    let id = ask(&ground.queue, &text_job("a1")).await;
    let lease = take_text(&mut consumer).await;
    drop(replies);
    within(async {
        let mut number = 0;
        while lease.send(&words(id, number)).await.unwrap() > 0 {
            number += 1;
        }
    })
    .await;
}

#[tokio::test]
async fn a_lost_connection_is_told_before_anything_that_came_after_it() {
    let ground = Ground::new().await;
    let mut replies = ground.queue.subscribe_replies("a1").await.unwrap();
    let mut consumer = worker(&ground, "w1").await;
    let id = ask(&ground.queue, &text_job("a1")).await;
    let lease = take_text(&mut consumer).await;
    assert_eq!(lease.send(&words(id, 0)).await.unwrap(), 1);
    assert_eq!(hear(&mut replies).await, Reply::Frame(words(id, 0)));
    ground.valkey.ask("CLIENT KILL TYPE pubsub").unwrap();
    within(async { while lease.send(&words(id, 1)).await.unwrap() == 0 {} }).await;
    assert_eq!(hear(&mut replies).await, Reply::Interrupted);
    assert_eq!(hear(&mut replies).await, Reply::Frame(words(id, 1)));
}

#[tokio::test]
async fn text_waits_in_the_lanes_of_its_kind_by_priority() {
    let ground = Ground::new().await;
    ground.publish(&publication()).await;
    let (patient, urgent) = (text_job("a1"), text_job("a1"));
    ground.queue.publish_text(&patient, Priority::Batch, WAIT, LONG).await.unwrap();
    ground.queue.publish_text(&urgent, Priority::Interactive, WAIT, LONG).await.unwrap();
    assert_eq!(ground.queue.depth(WorkerKind::Llm).await.unwrap().queued, 2);
    let mut consumer = worker(&ground, "w1").await;
    assert_eq!(take_text(&mut consumer).await.job.id, urgent.id);
    assert_eq!(take_text(&mut consumer).await.job.id, patient.id);
}

#[tokio::test]
async fn a_request_that_cannot_be_read_ends_at_once_and_does_not_stop_the_lane() {
    let ground = Ground::new().await;
    let mut replies = ground.queue.subscribe_replies("a1").await.unwrap();
    let unreadable = ask(&ground.queue, &text_job("a1")).await;
    let key = format!("{{test}}:job:{unreadable}");
    let mut spoil = redis::cmd("HSET");
    spoil.arg(key).arg("job").arg(r#"{"from":"the future"}"#).exec_async(&mut ground.raw().await).await.unwrap();
    let readable = ask(&ground.queue, &text_job("a1")).await;
    assert_eq!(take_text(&mut worker(&ground, "w1").await).await.job.id, readable);
    assert_eq!(hear(&mut replies).await, Reply::End { id: unreadable, end: TextEnd::Unreadable });
}

#[tokio::test]
async fn a_text_worker_with_few_rights_can_do_all_its_work() {
    let ground = Ground::new().await;
    ground.valkey.ask(&format!("ACL SETUSER worker on >s3cret {}", worker_acl_rules(PREFIX))).unwrap();
    let queue = Queue::connect(&ground.valkey.url_as("worker", "s3cret"), PREFIX).await.unwrap();
    let mut replies = ground.queue.subscribe_replies("a1").await.unwrap();
    let mut consumer = queue.text_consumer("w1", Duration::from_millis(500)).await.unwrap();
    for _ in 0..4 {
        ask(&ground.queue, &text_job("a1")).await;
    }
    // It answers, gives up, gives back, and hears that it shall stop.
    let lease = take_text(&mut consumer).await;
    assert_eq!(lease.send(&words(lease.job.id, 0)).await.unwrap(), 1);
    let (ending, affinity, stop) = (last(lease.job.id, 1), Affinity::default(), CancellationToken::new());
    let (accepted, next) =
        within(consumer.finish_and_take(lease, Ending::Text(&ending), &affinity, &stop)).await.unwrap();
    assert_eq!(accepted, Accepted::Yes);
    assert_eq!(next.expect("there are more").release().await.unwrap(), Accepted::Yes);
    let lease = take_text(&mut consumer).await;
    ground.queue.cancel(lease.job.id).await.unwrap();
    within(lease.cancelled().cancelled()).await;
    assert_eq!(lease.cancel().await.unwrap(), Accepted::Yes);
    assert!(matches!(hear(&mut replies).await, Reply::Frame(_)));
    assert!(matches!(hear(&mut replies).await, Reply::End { end: TextEnd::Said(_), .. }));
    assert!(matches!(hear(&mut replies).await, Reply::End { end: TextEnd::Cancelled, .. }));
}
