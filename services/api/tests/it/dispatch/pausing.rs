//! A paused queue: nothing new for workers, whoever publishes.

use std::time::Duration;

use api::{
    db::Db,
    dispatch::{Dispatch, Parts},
};
use contract::{job::JobState, spec::WorkerKind};
use queue::{Accepted, Queue};
use tokio_util::sync::CancellationToken;

use super::world::{PREFIX, World};
use crate::{
    db::ground::{Ground, on_both},
    sample::result,
};

const SD: &[WorkerKind] = &[WorkerKind::Sd];

on_both!(
    a_pause_takes_back_what_lies_ready_and_what_runs_goes_on,
    a_paused_queue_stays_paused_when_the_server_starts_again,
);

async fn a_pause_takes_back_what_lies_ready_and_what_runs_goes_on(ground: Ground) {
    let world = World::new(ground).await;
    let runs = world.submit_for("a").await;
    let mut worker = world.worker("one").await;
    let lease = worker.lease().await;
    world.until(runs, JobState::Running).await;
    let waits = world.submit_for("a").await;
    world.until_window_is(1).await;

    world.dispatch.pause(SD).await.unwrap();
    assert_eq!(world.queue().depth(WorkerKind::Sd).await.unwrap().queued, 0);
    let later = world.submit_for("a").await;
    assert!(worker.lease_within(Duration::from_millis(1500)).await.is_none(), "a worker got something new");
    assert_eq!(world.job(later).await.state, JobState::Queued);
    assert_eq!(lease.succeed(&result(vec![])).await.unwrap(), Accepted::Yes);
    world.until(runs, JobState::Succeeded).await;
    world.dispatch.cancel_job(later).await.unwrap();
    assert_eq!(world.job(later).await.state, JobState::Cancelled);

    world.dispatch.resume(SD).await.unwrap();
    let lease = worker.lease().await;
    assert_eq!((lease.job.id, lease.attempt), (waits, 1));
}

async fn a_paused_queue_stays_paused_when_the_server_starts_again(ground: Ground) {
    let mut world = World::new(ground).await;
    world.dispatch.pause(SD).await.unwrap();
    world.stop().await;
    world.start();
    let id = world.submit_for("a").await;
    let mut worker = world.worker("one").await;
    assert!(worker.lease_within(Duration::from_millis(1500)).await.is_none(), "a worker got something new");
    world.dispatch.resume(SD).await.unwrap();
    assert_eq!(worker.lease().await.job.id, id);
}

#[tokio::test]
async fn what_one_instance_pauses_no_other_publishes() {
    let world = World::new(Ground::postgres().await).await;
    let second = Parts {
        db: Db::open(&world.ground.url).await.unwrap(),
        queue: Queue::connect(&world.valkey.url(), PREFIX).await.unwrap(),
        ..world.parts.clone()
    };
    let stop = CancellationToken::new();
    let (other, task) = Dispatch::start(second, stop.clone());
    for _ in 0..4 {
        world.submit_for("a").await;
    }
    world.until_window_is(4).await;
    // What stands in SQL only is what the other instance sees: it takes back what this one has published.
    world.db().pause(SD, world.parts.clock.now()).await.unwrap();
    other.nudge();
    world.until_window_is(0).await;
    world.submit_for("a").await;
    other.nudge();
    let mut worker = world.worker("one").await;
    assert!(worker.lease_within(Duration::from_millis(1500)).await.is_none(), "a worker got something new");
    other.resume(SD).await.unwrap();
    world.until_window_is(5).await;
    stop.cancel();
    task.await.unwrap();
}
