//! A paused queue: nothing new for workers, whoever publishes.

use std::time::Duration;

use api::db::PauseRequest;
use contract::{JobId, job::JobState, spec::WorkerKind};
use queue::Accepted;
use tokio_util::sync::CancellationToken;

use super::world::World;
use crate::{
    db::ground::{Ground, on_both},
    sample::{failure, result},
};

const SD: &[WorkerKind] = &[WorkerKind::Sd];

on_both!(
    a_pause_takes_back_what_lies_ready_and_what_runs_goes_on,
    a_paused_queue_stays_paused_when_the_server_starts_again,
    a_paused_job_is_taken_back_and_comes_to_no_worker_until_it_is_resumed,
    a_job_that_a_worker_has_is_not_paused,
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

async fn a_paused_job_is_taken_back_and_comes_to_no_worker_until_it_is_resumed(ground: Ground) {
    let mut world = World::new(ground).await;
    let (paused, other) = (world.submit_for("a").await, world.submit_for("a").await);
    world.until_window_is(2).await;
    for _ in 0..2 {
        let request = world.dispatch.pause_job(paused).await.unwrap();
        let PauseRequest::Done(job) = request else { panic!("{request:?}") };
        assert_eq!((job.state, job.paused), (JobState::Queued, true));
    }
    assert_eq!(world.queue().depth(WorkerKind::Sd).await.unwrap().queued, 1);
    assert_eq!(world.db().queue_position(paused).await.unwrap(), None);
    assert_eq!(world.db().queue_position(other).await.unwrap(), Some(0));
    let mut worker = world.worker("one").await;
    let lease = worker.lease().await;
    assert_eq!(lease.job.id, other);
    let _ = lease.succeed(&result(vec![])).await.unwrap();
    // It is the only one that waits, the server starts anew, and it has waited long.
    world.stop().await;
    world.start();
    world.parts.clock.advance(Duration::from_secs(601));
    assert!(worker.lease_within(Duration::from_millis(1500)).await.is_none(), "a worker got a paused job");

    let request = world.dispatch.resume_job(paused).await.unwrap();
    let PauseRequest::Done(job) = request else { panic!("{request:?}") };
    assert_eq!((job.state, job.paused), (JobState::Queued, false));
    assert_eq!(world.ground.number("SELECT MIN(rank) FROM jobs").await, 1, "it moved up while it was paused");
    let lease = worker.lease().await;
    assert_eq!((lease.job.id, lease.attempt), (paused, 1));
    assert_eq!(lease.succeed(&result(vec![])).await.unwrap(), Accepted::Yes);
    world.until(paused, JobState::Succeeded).await;
    assert!(matches!(world.dispatch.pause_job(paused).await.unwrap(), PauseRequest::NotWaiting(_)));
    assert!(matches!(world.dispatch.resume_job(paused).await.unwrap(), PauseRequest::NotWaiting(_)));
    assert_eq!(world.dispatch.pause_job(JobId::new()).await.unwrap(), PauseRequest::Absent);
}

async fn a_job_that_a_worker_has_is_not_paused(ground: Ground) {
    let world = World::new(ground).await;
    let id = world.submit_for("a").await;
    let lease = world.worker("one").await.lease().await;
    world.until(id, JobState::Running).await;
    // A worker took it this very moment, and SQL has not heard of it yet.
    for sql in ["UPDATE jobs SET is_running = TRUE", "UPDATE jobs SET is_running = FALSE"] {
        world.ground.run(sql).await.unwrap();
        let request = world.dispatch.pause_job(id).await.unwrap();
        let PauseRequest::NotWaiting(job) = request else { panic!("{request:?}") };
        assert_eq!((job.state, job.paused), (JobState::Running, false));
    }
    // Had it been noted all the same, a second attempt would never come.
    assert_eq!(world.ground.number("SELECT COUNT(*) FROM jobs WHERE paused").await, 0);
    let _ = lease.fail(queue::Outcome::Retry, &failure("try again")).await.unwrap();
    world.until_job(id, "waits again", |job| job.failure.is_some()).await;
    world.parts.clock.advance(Duration::from_secs(10));
    world.dispatch.nudge();
    assert_eq!(world.worker("two").await.lease().await.attempt, 2);
}

#[tokio::test]
async fn what_one_instance_pauses_no_other_publishes() {
    let world = World::new(Ground::postgres().await).await;
    let stop = CancellationToken::new();
    let (other, task) = world.another_api(&stop).await;
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
