//! What workers finished, on its way to SQL.

use std::time::Duration;

use contract::JobId;
use queue::{Accepted, Outcome, Publication};

use crate::ground::{Ground, failure, publication_of, result, take, within};

const BLOCK: Duration = Duration::from_secs(5);

#[tokio::test]
async fn every_outcome_arrives_with_its_reason_or_result() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let mut reader = ground.queue.done_reader("api").await.unwrap();
    for outcome in [Outcome::Succeeded, Outcome::Failed, Outcome::Retry, Outcome::Crashed, Outcome::Cancelled] {
        let id = ground.publish_new().await;
        let lease = take(&mut consumer).await;
        let accepted = match outcome {
            Outcome::Succeeded => lease.succeed(&result()).await,
            Outcome::Cancelled => lease.cancel().await,
            outcome => lease.fail(outcome, &failure()).await,
        };
        assert_eq!(accepted.unwrap(), Accepted::Yes);
        let done = within(reader.next(10, BLOCK)).await.unwrap().remove(0);
        assert_eq!((done.job_id, done.generation, done.outcome, done.attempts), (id, 1, outcome, 1));
        assert_eq!(done.worker.as_deref(), Some("w1"));
        assert_eq!(done.result, (outcome == Outcome::Succeeded).then(result));
        let has_failure = matches!(outcome, Outcome::Failed | Outcome::Retry | Outcome::Crashed);
        assert_eq!(done.failure, has_failure.then(failure));
        ground.queue.settle(&[(id, 1, done.entry_id)]).await.unwrap();
    }
    assert_eq!(ground.queue.open_jobs().await.unwrap(), []);
}

#[tokio::test]
async fn what_was_read_and_not_settled_comes_again_after_a_restart() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    let accepted = take(&mut ground.consumer("w1").await).await.succeed(&result()).await.unwrap();
    assert_eq!(accepted, Accepted::Yes);
    let mut reader = ground.queue.done_reader("api").await.unwrap();
    let first = reader.next(10, BLOCK).await.unwrap();
    drop(reader);
    let mut reader = ground.another().await.done_reader("api").await.unwrap();
    assert_eq!(reader.pending(10).await.unwrap(), first);
    ground.queue.settle(&[(id, 1, first[0].entry_id.clone())]).await.unwrap();
    assert_eq!(reader.pending(10).await.unwrap(), []);
    assert_eq!(reader.next(10, Duration::from_millis(1)).await.unwrap(), []);
}

#[tokio::test]
async fn what_an_api_read_and_never_settled_another_finds() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    let accepted = take(&mut ground.consumer("w1").await).await.succeed(&result()).await.unwrap();
    assert_eq!(accepted, Accepted::Yes);
    let first = ground.queue.done_reader("dead").await.unwrap().next(10, BLOCK).await.unwrap();
    let mut reader = ground.queue.done_reader("alive").await.unwrap();
    assert_eq!(reader.pending(10).await.unwrap(), first);
    ground.queue.settle(&[(id, 1, first[0].entry_id.clone())]).await.unwrap();
    assert_eq!(reader.pending(10).await.unwrap(), []);
}

#[tokio::test]
async fn two_readers_share_what_is_new() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let mut readers = [ground.queue.done_reader("a").await.unwrap(), ground.queue.done_reader("b").await.unwrap()];
    for reader in &mut readers {
        assert_eq!(reader.next(1, Duration::from_millis(1)).await.unwrap(), []);
    }
    let mut read = Vec::new();
    for reader in &mut readers {
        for _ in 0..2 {
            ground.publish_new().await;
            assert_eq!(take(&mut consumer).await.cancel().await.unwrap(), Accepted::Yes);
        }
        read.extend(reader.next(2, BLOCK).await.unwrap().into_iter().map(|done| done.entry_id));
    }
    read.sort_unstable();
    read.dedup();
    assert_eq!(read.len(), 4, "an entry went to both readers");
}

#[tokio::test]
async fn a_read_that_was_dropped_loses_nothing() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let mut reader = ground.queue.done_reader("api").await.unwrap();
    for round in 0..20 {
        let id = ground.publish_new().await;
        let lease = take(&mut consumer).await;
        let limit = Duration::from_micros(100 * round);
        let (dropped, accepted) = tokio::join!(tokio::time::timeout(limit, reader.next(10, BLOCK)), lease.cancel());
        assert_eq!(accepted.unwrap(), Accepted::Yes);
        let done = match dropped {
            Ok(done) => done.unwrap(),
            Err(_) => within(reader.next(10, BLOCK)).await.unwrap(),
        };
        assert_eq!(done.iter().map(|done| done.job_id).collect::<Vec<_>>(), [id], "round {round}");
        ground.queue.settle(&[(id, 1, done[0].entry_id.clone())]).await.unwrap();
    }
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_never_stops_the_stream() {
    let ground = Ground::new().await;
    let mut raw = ground.raw().await;
    let known = JobId::new();
    let garbage: [&[&str]; 3] = [
        &["id", "not an id", "generation", "1", "outcome", "succeeded", "payload", ""],
        &["nothing", "at all"],
        &["id", &known.to_string(), "generation", "3", "outcome", "enlightened", "attempts", "1", "payload", "{}"],
    ];
    for fields in garbage {
        redis::cmd("XADD").arg("{test}:done").arg("*").arg(fields).exec_async(&mut raw).await.unwrap();
    }
    let id = ground.publish_new().await;
    let accepted = take(&mut ground.consumer("w1").await).await.cancel().await.unwrap();
    assert_eq!(accepted, Accepted::Yes);
    let mut reader = ground.queue.done_reader("api").await.unwrap();
    let done = reader.next(10, BLOCK).await.unwrap();
    // The job that is known by its id must not wait for ever.
    assert_eq!((done[0].job_id, done[0].generation, done[0].outcome), (known, 3, Outcome::Failed));
    assert!(done[0].failure.as_ref().unwrap().remedy.is_some());
    assert_eq!((done[1].job_id, done[1].outcome), (id, Outcome::Cancelled));
    let settled: Vec<_> = done.into_iter().map(|done| (done.job_id, done.generation, done.entry_id)).collect();
    ground.queue.settle(&settled).await.unwrap();
    let left: usize = redis::cmd("XLEN").arg("{test}:done").query_async(&mut raw).await.unwrap();
    let aside: usize = redis::cmd("XLEN").arg("{test}:unreadable").query_async(&mut raw).await.unwrap();
    assert_eq!((left, aside), (0, 3));
}

#[tokio::test]
async fn settling_leaves_a_job_alone_that_was_published_again() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let id = ground.publish_new().await;
    assert_eq!(take(&mut consumer).await.fail(Outcome::Retry, &failure()).await.unwrap(), Accepted::Yes);
    let old = ground.finished().await.remove(0);
    ground.publish(&Publication { generation: 2, attempts: 1, ..publication_of(id) }).await;
    ground.queue.settle(&[(id, 1, old.entry_id)]).await.unwrap();
    let lease = take(&mut consumer).await;
    assert_eq!((lease.job.id, lease.attempt), (id, 2));
}

#[tokio::test]
async fn settling_ends_a_job_that_came_back_to_life_with_an_older_image() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    // As after a crash that took the end with it: SQL has it, the queue does not.
    ground.queue.settle(&[(id, 1, "1-1".to_owned())]).await.unwrap();
    assert_eq!(ground.queue.depth(crate::ground::KIND).await.unwrap(), queue::Depth::default());
    assert_eq!(ground.queue.open_jobs().await.unwrap(), []);
}

#[tokio::test]
async fn many_jobs_are_settled_in_one_call() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    for _ in 0..300 {
        ground.publish_new().await;
        assert_eq!(take(&mut consumer).await.cancel().await.unwrap(), Accepted::Yes);
    }
    let mut reader = ground.queue.done_reader("api").await.unwrap();
    let done = reader.next(1000, BLOCK).await.unwrap();
    let settled: Vec<_> = done.into_iter().map(|done| (done.job_id, done.generation, done.entry_id)).collect();
    ground.queue.settle(&settled).await.unwrap();
    assert_eq!((settled.len(), ground.queue.open_jobs().await.unwrap().len()), (300, 0));
    assert_eq!(reader.pending(1000).await.unwrap(), []);
}
