//! Cancelling, wherever the job is.

use std::time::Duration;

use api::{db::CancelRequest, dispatch::Settings};
use contract::{event::JobChange, job::JobState};
use tokio::time::timeout;

use super::world::{SETTINGS, World};
use crate::{
    db::ground::{Ground, on_both},
    sample::result,
    wait::{PATIENCE, until_true},
};

on_both!(
    a_published_job_is_cancelled_before_anybody_takes_it,
    a_running_job_is_cancelled_by_its_worker,
    a_job_between_two_attempts_is_cancelled_at_once,
);

async fn a_published_job_is_cancelled_before_anybody_takes_it(ground: Ground) {
    let world = World::new(ground).await;
    let id = world.submit_for("ann").await;
    world.until_window_is(1).await;
    let request = world.dispatch.cancel_job(id).await.unwrap();
    assert!(matches!(request, CancelRequest::Requested(job) if job.cancel_requested));
    let job = world.until(id, JobState::Cancelled).await;
    assert_eq!((job.attempts, job.started_at), (0, None));
    world.until_valkey_is_empty().await;
    assert_eq!(world.changes(id).await, [JobChange::Cancelled]);
}

async fn a_running_job_is_cancelled_by_its_worker(ground: Ground) {
    let world = World::new(ground).await;
    let mut worker = world.worker("one").await;
    let id = world.submit_for("ann").await;
    let lease = worker.lease().await;
    world.until(id, JobState::Running).await;
    world.dispatch.cancel_job(id).await.unwrap();
    timeout(PATIENCE, lease.cancelled().cancelled()).await.expect("the worker is told");
    assert_eq!(world.job(id).await.state, JobState::Running);
    let _ = lease.cancel().await.unwrap();
    world.until(id, JobState::Cancelled).await;
    assert_eq!(world.outcomes(id).await, ["cancelled"]);
    world.until_valkey_is_empty().await;
}

async fn a_job_between_two_attempts_is_cancelled_at_once(ground: Ground) {
    let world = World::new(ground).await;
    let mut worker = world.worker("one").await;
    let id = world.submit_for("ann").await;
    let _ = worker.lease().await.fail(queue::Outcome::Retry, &crate::sample::failure("once")).await.unwrap();
    // Once the watchers are told, too: what is told of the failure must not come after the end.
    let is_told = async || matches!(world.changes(id).await.last(), Some(JobChange::Retrying { .. }));
    until_true("the watchers hear of the second attempt", is_told).await;
    assert!(matches!(world.dispatch.cancel_job(id).await.unwrap(), CancelRequest::CancelledNow(_)));
    assert_eq!(world.job(id).await.state, JobState::Cancelled);
    let changes = world.changes(id).await;
    assert_eq!(changes.last(), Some(&JobChange::Cancelled));
}

#[tokio::test]
async fn a_worker_that_was_quicker_than_the_wish_keeps_its_result() {
    let world = World::new(Ground::sqlite().await).await;
    let mut worker = world.worker("one").await;
    let id = world.submit_for("ann").await;
    let lease = worker.lease().await;
    world.dispatch.cancel_job(id).await.unwrap();
    let _ = lease.succeed(&result(vec![])).await.unwrap();
    let job = world.until_job(id, "has ended", |job| job.state.is_end()).await;
    assert_eq!(job.state, JobState::Succeeded);
}

#[tokio::test]
async fn a_job_whose_worker_has_vanished_is_cancelled_without_another_attempt() {
    let world = World::with(Ground::sqlite().await, Settings { lease: Duration::from_millis(400), ..SETTINGS }).await;
    let id = world.submit_for("ann").await;
    drop(world.worker("one").await.lease().await);
    world.dispatch.cancel_job(id).await.unwrap();
    let job = world.until(id, JobState::Cancelled).await;
    assert_eq!(job.attempts, 1);
}

#[tokio::test]
async fn a_job_that_valkey_has_lost_is_cancelled_and_not_published_again() {
    let mut world = World::new(Ground::sqlite().await).await;
    let id = world.submit_for("ann").await;
    world.until_window_is(1).await;
    world.stop().await;
    world.valkey.flush().unwrap();
    world.dispatch.cancel_job(id).await.unwrap();
    world.start();
    world.until(id, JobState::Cancelled).await;
    assert_eq!(world.ground.number("SELECT generation FROM jobs").await, 1);
}

#[tokio::test]
async fn the_wish_to_cancel_reaches_a_valkey_that_was_away() {
    let world = World::new(Ground::sqlite().await).await;
    let mut worker = world.worker("one").await;
    let id = world.submit_for("ann").await;
    let lease = worker.lease().await;
    world.until(id, JobState::Running).await;
    world.valkey.kill9_when_written().unwrap();
    assert!(matches!(world.dispatch.cancel_job(id).await.unwrap(), CancelRequest::Requested(_)));
    world.valkey.restart().unwrap();
    timeout(PATIENCE, lease.cancelled().cancelled()).await.expect("the worker is told");
    let _ = lease.cancel().await.unwrap();
    world.until(id, JobState::Cancelled).await;
}
