//! The end of one job and the next one in one round trip.

use std::time::Duration;

use queue::{Accepted, Affinity, Ending, Error, Outcome};
use tokio_util::sync::CancellationToken;

use crate::ground::{Ground, KIND, failure, finish_and_take, publication, result, take, within};

#[tokio::test]
async fn the_end_of_a_job_brings_the_next_one() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let (first, second) = (ground.publish_new().await, ground.publish_new().await);
    let lease = take(&mut consumer).await;
    let (accepted, next) = finish_and_take(&mut consumer, lease).await;
    let next = next.unwrap();
    assert_eq!((accepted, next.job.id, next.attempt), (Accepted::Yes, second, 1));
    let (accepted, none) = finish_and_take(&mut consumer, next).await;
    assert_eq!(accepted, Accepted::Yes);
    assert!(none.is_none(), "a job from nowhere: {none:?}");
    let done: Vec<_> = ground.finished().await.iter().map(|done| (done.job_id, done.outcome)).collect();
    assert_eq!(done, [(first, Outcome::Succeeded), (second, Outcome::Succeeded)]);
}

#[tokio::test]
async fn every_ending_brings_the_next_one() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let (affinity, never) = (Affinity::default(), CancellationToken::new());
    let (result, failure) = (result(), failure());
    let endings = [
        (Ending::Succeeded(&result), Outcome::Succeeded),
        (Ending::Failed(Outcome::Retry, &failure), Outcome::Retry),
        (Ending::Cancelled, Outcome::Cancelled),
    ];
    ground.publish_new().await;
    let mut lease = take(&mut consumer).await;
    for (ending, _) in endings {
        ground.publish_new().await;
        let (accepted, next) = consumer.finish_and_take(lease, ending, &affinity, &never).await.unwrap();
        assert_eq!(accepted, Accepted::Yes);
        lease = next.unwrap();
    }
    let outcomes: Vec<_> = ground.finished().await.iter().map(|done| done.outcome).collect();
    assert_eq!(outcomes, endings.map(|(_, outcome)| outcome));
    let no_ending = Ending::Failed(Outcome::Succeeded, &failure);
    let refused = consumer.finish_and_take(lease, no_ending, &affinity, &never).await;
    assert!(matches!(refused, Err(Error::NoFailure(Outcome::Succeeded))), "{refused:?}");
}

#[tokio::test]
async fn who_has_lost_its_job_still_gets_the_next_one() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let (lost, next) = (ground.publish_new().await, ground.publish_new().await);
    let lease = take(&mut consumer).await;
    let key = format!("{{test}}:job:{lost}");
    let mut raw = ground.raw().await;
    redis::cmd("HSET").arg(key).arg("token").arg("another").exec_async(&mut raw).await.unwrap();
    let (accepted, handed) = finish_and_take(&mut consumer, lease).await;
    assert_eq!((accepted, handed.unwrap().job.id), (Accepted::Lost, next));
    assert_eq!(ground.finished().await, []);
}

#[tokio::test]
async fn who_stops_ends_its_job_and_gets_no_other() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    ground.publish_new().await;
    ground.publish_new().await;
    let lease = take(&mut consumer).await;
    let stop = CancellationToken::new();
    stop.cancel();
    let (result, affinity) = (result(), Affinity::default());
    let told = consumer.finish_and_take(lease, Ending::Succeeded(&result), &affinity, &stop);
    let (accepted, next) = within(told).await.unwrap();
    assert!(accepted == Accepted::Yes && next.is_none(), "{accepted:?}, {next:?}");
    let depth = ground.queue.depth(KIND).await.unwrap();
    assert_eq!((depth.queued, depth.running), (1, 0));
}

#[tokio::test]
async fn the_wishes_of_the_worker_count_at_the_end_of_a_job_too() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    ground.publish_new().await;
    let lease = take(&mut consumer).await;
    ground.publish(&queue::Publication { model: "cold".to_owned(), ..publication() }).await;
    let warm = ground.publish(&queue::Publication { model: "warm".to_owned(), ..publication() }).await;
    let affinity = Affinity { warm_models: vec!["warm".to_owned()], prefer_warm: true, ..Affinity::default() };
    let never = CancellationToken::new();
    let told = consumer.finish_and_take(lease, Ending::Cancelled, &affinity, &never);
    let (_, next) = within(told).await.unwrap();
    assert_eq!(next.unwrap().job.id, warm);
}

#[tokio::test]
async fn an_end_whose_answer_was_lost_counts_once_and_the_next_job_costs_no_attempt() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let (first, second) = (ground.publish_new().await, ground.publish_new().await);
    let lease = take(&mut consumer).await;
    ground.valkey.sigstop().unwrap();
    // The call is on its way when the worker no longer listens; the server will answer nobody.
    let (affinity, never) = (Affinity::default(), CancellationToken::new());
    let (result, token) = (result(), lease.token().to_owned());
    let told = consumer.finish_and_take(lease, Ending::Succeeded(&result), &affinity, &never);
    assert!(tokio::time::timeout(Duration::from_millis(300), told).await.is_err(), "a halted server answered");
    ground.valkey.sigcont().unwrap();
    let next = take(&mut consumer).await;
    assert_eq!((next.job.id, next.attempt), (second, 1));
    assert_ne!(next.token(), token);
    let done: Vec<_> = ground.finished().await.iter().map(|done| (done.job_id, done.outcome)).collect();
    assert_eq!(done, [(first, Outcome::Succeeded)]);
}

#[tokio::test]
async fn a_job_that_ends_while_valkey_is_away_is_accepted_and_the_next_comes_later() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let (first, second) = (ground.publish_new().await, ground.publish_new().await);
    let lease = take(&mut consumer).await;
    ground.valkey.kill9_when_written().unwrap();
    let ending = tokio::spawn(async move {
        let (accepted, next) = finish_and_take(&mut consumer, lease).await;
        (accepted, next.is_none(), consumer)
    });
    within(async { while ground.queue.ping().await.is_ok() {} }).await;
    ground.valkey.restart().unwrap();
    let (accepted, is_none, mut consumer) = within(ending).await.unwrap();
    assert_eq!((accepted, is_none), (Accepted::Yes, true));
    assert_eq!(ground.finished().await[0].job_id, first);
    let next = take(&mut consumer).await;
    assert_eq!((next.job.id, next.attempt), (second, 1));
}
