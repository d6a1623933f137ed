//! Jobs that are too large for one worker, and go to one with more memory.

use contract::{
    JobId,
    spec::WorkerKind,
    worker::{Worker, WorkerState},
};
use queue::{Accepted, Affinity, Outcome};

use crate::ground::{Ground, KIND, LIMIT, SHORT, failure, idle, name, result, take_with};

/// A worker with so much memory.
fn worker(name: &str, memory_mib: Option<u64>) -> Worker {
    Worker { memory_mib, state: WorkerState::Busy, ..idle(name) }
}

fn with(memory_mib: u64) -> Affinity {
    Affinity { memory_mib: Some(memory_mib), ..Affinity::default() }
}

async fn announce(ground: &Ground, workers: &[Worker]) {
    for worker in workers {
        ground.queue.announce_worker(worker, LIMIT).await.unwrap();
    }
}

/// Lets a worker with so much memory take a job and pass it on.
async fn pass_on(ground: &Ground, memory_mib: u64) -> JobId {
    let lease = take_with(&mut ground.consumer("small").await, &with(memory_mib)).await;
    let id = lease.job.id;
    assert_eq!(lease.pass_on(memory_mib).await.unwrap().unwrap(), Accepted::Yes);
    id
}

#[tokio::test]
async fn a_job_that_is_too_large_goes_to_a_worker_with_more_memory_and_costs_no_attempt() {
    let ground = Ground::new().await;
    announce(&ground, &[worker("small", Some(100)), worker("large", Some(101))]).await;
    let large = ground.publish_new().await;
    assert_eq!(pass_on(&ground, 100).await, large);
    assert_eq!(name(&ground.events().await.last().unwrap().change), "queued");
    let snapshot = ground.queue.snapshots(&[large]).await.unwrap().remove(0).unwrap();
    assert_eq!(snapshot.larger_than_mib, Some(100));
    // Younger, and of the same model.
    let small = ground.publish_new().await;
    let lease = take_with(&mut ground.consumer("small").await, &with(100)).await;
    assert_eq!(lease.job.id, small);
    let mut consumer = ground.consumer("large").await;
    let lease = take_with(&mut consumer, &with(101)).await;
    assert_eq!((lease.job.id, lease.attempt), (large, 1));
    assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
}

#[tokio::test]
async fn a_job_that_was_passed_on_can_be_passed_on_again() {
    let ground = Ground::new().await;
    announce(&ground, &[worker("middle", Some(200)), worker("large", Some(300))]).await;
    let id = ground.publish_new().await;
    assert_eq!(pass_on(&ground, 100).await, id);
    assert_eq!(pass_on(&ground, 200).await, id);
    assert_eq!(take_with(&mut ground.consumer("large").await, &with(300)).await.job.id, id);
}

#[tokio::test]
async fn a_worker_without_a_bound_takes_what_others_passed_on() {
    let ground = Ground::new().await;
    announce(&ground, &[worker("elsewhere", None)]).await;
    let id = ground.publish_new().await;
    assert_eq!(pass_on(&ground, 100).await, id);
    assert_eq!(take_with(&mut ground.consumer("elsewhere").await, &Affinity::default()).await.job.id, id);
}

#[tokio::test]
async fn what_is_too_large_for_every_worker_stays_with_its_holder() {
    let ground = Ground::new().await;
    let writer = Worker { kind: WorkerKind::Llm, ..worker("writer", Some(900)) };
    let leaving = Worker { state: WorkerState::Draining, ..worker("leaving", Some(900)) };
    announce(&ground, &[worker("small", Some(100)), worker("twin", Some(100)), writer, leaving]).await;
    let id = ground.publish_new().await;
    let lease = take_with(&mut ground.consumer("small").await, &with(100)).await;
    let lease = lease.pass_on(100).await.unwrap().unwrap_err();
    assert_eq!(ground.field(id, "state").await.as_deref(), Some("running"));
    assert_eq!(lease.fail(Outcome::Failed, &failure()).await.unwrap(), Accepted::Yes);
}

#[tokio::test]
async fn nobody_passes_on_what_was_cancelled_or_is_held_by_somebody_else() {
    let ground = Ground::new().await;
    announce(&ground, &[worker("large", Some(900))]).await;
    let cancelled = ground.publish_new().await;
    let lease = take_with(&mut ground.consumer("small").await, &with(100)).await;
    ground.queue.cancel(cancelled).await.unwrap();
    assert_eq!(lease.pass_on(100).await.unwrap().unwrap(), Accepted::Yes);
    assert_eq!(ground.finished().await[0].outcome, Outcome::Cancelled);

    let taken = ground.publish_new().await;
    let zombie = take_with(&mut ground.consumer("small").await, &with(100)).await;
    ground.expire(taken).await;
    let (mut other, wishes) = (ground.another().await.consumer(KIND, "other", SHORT).await.unwrap(), with(100));
    let lease = tokio::select! {
        lease = take_with(&mut other, &wishes) => lease,
        // Its beats would win against one expiry.
        _ = async { loop { ground.expire(taken).await } } => unreachable!(),
    };
    assert_eq!(zombie.pass_on(100).await.unwrap().unwrap(), Accepted::Lost);
    assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
}
