//! Who is served next.

use std::time::Duration;

use api::{db::MoveRequest, dispatch::Settings};
use contract::{
    JobId,
    job::{JobState, MoveJob, Place, Priority},
    spec::WorkerKind,
    worker::{self, WorkerState},
};

use super::world::{SETTINGS, Worker, World};
use crate::{
    db::ground::{Ground, on_both},
    sample::result,
    wait::{until, until_true},
};

on_both!(
    an_owner_with_a_thousand_jobs_does_not_keep_another_waiting,
    a_moved_job_is_next_or_last_even_when_the_others_are_published,
    a_job_that_starves_moves_up,
);

async fn run_next(worker: &mut Worker) -> JobId {
    let lease = worker.lease().await;
    let id = lease.job.id;
    let _ = lease.succeed(&result(vec![])).await.unwrap();
    id
}

async fn an_owner_with_a_thousand_jobs_does_not_keep_another_waiting(ground: Ground) {
    let world = World::new(ground).await;
    for _ in 0..1000 {
        world.db().insert_job(&world.new_job("a")).await.unwrap();
    }
    world.dispatch.nudge();
    world.until_window_is(8).await;
    let mut worker = world.worker("one").await;
    let held = worker.lease().await;
    world.until_window_is(8).await;

    let of_b = world.submit_for("b").await;
    assert_eq!(world.db().queue_position(of_b).await.unwrap(), Some(0));
    // The window is drawn again for the newcomer; it is published once it stands in it.
    until("the newcomer", async || world.queue().generations(&[of_b]).await.unwrap()[0]).await;
    world.until_window_is(8).await;
    assert_eq!(run_next(&mut worker).await, of_b);
    let _ = held.succeed(&result(vec![])).await.unwrap();
    world.until(of_b, JobState::Succeeded).await;
    assert!(world.queue().depth(WorkerKind::Sd).await.unwrap().queued <= 8);
}

async fn a_moved_job_is_next_or_last_even_when_the_others_are_published(ground: Ground) {
    let world = World::with(ground, Settings { window_per_kind: 4, ..SETTINGS }).await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(world.submit_for("a").await);
    }
    world.until_window_is(4).await;
    for (id, to) in [(ids[5], Place::Front), (ids[0], Place::Back)] {
        let moved = world.dispatch.move_job(id, &MoveJob { to, priority: None }).await.unwrap();
        assert!(matches!(moved, MoveRequest::Moved(job) if job.id == id && job.state == JobState::Queued));
    }
    world.until_window_is(4).await;
    let mut worker = world.worker("one").await;
    let mut order = Vec::new();
    for _ in 0..6 {
        order.push(run_next(&mut worker).await);
    }
    assert_eq!(order, [ids[5], ids[1], ids[2], ids[3], ids[4], ids[0]]);
}

async fn a_job_that_starves_moves_up(ground: Ground) {
    let world = World::new(ground).await;
    let batch = world.submit_with("a", Priority::Batch).await;
    let first = world.submit_with("a", Priority::Normal).await;
    world.until_window_is(2).await;
    world.parts.clock.advance(Duration::from_secs(601));
    // The one waited as long as the other, so both move up: the batch job now stands before all normal ones to come.
    let sql = "SELECT COUNT(*) FROM jobs WHERE rank = 1 AND priority = 2 AND state = 'published'";
    until_true("the move up", async || world.ground.number(sql).await != 0).await;
    world.until_window_is(2).await;
    let second = world.submit_with("a", Priority::Normal).await;
    world.until_window_is(3).await;
    let mut worker = world.worker("one").await;
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(run_next(&mut worker).await);
    }
    assert_eq!(order, [first, batch, second]);
    assert_eq!(world.job(batch).await.priority, Priority::Batch);
}

#[tokio::test]
async fn an_urgent_job_is_published_although_the_window_of_the_others_is_full() {
    let world = World::with(Ground::sqlite().await, Settings { window_per_kind: 2, ..SETTINGS }).await;
    for _ in 0..5 {
        world.submit_with("a", Priority::Normal).await;
    }
    world.until_window_is(2).await;
    let urgent = world.submit_with("a", Priority::Interactive).await;
    world.until_window_is(3).await;
    assert_eq!(run_next(&mut world.worker("one").await).await, urgent);
}

#[tokio::test]
async fn a_job_that_was_moved_to_another_priority_is_served_there() {
    let world = World::with(Ground::sqlite().await, Settings { window_per_kind: 1, ..SETTINGS }).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(world.submit_for("a").await);
    }
    world.until_window_is(1).await;
    // Nobody has ever had a job of this priority.
    let to = MoveJob { to: Place::Back, priority: Some(Priority::Interactive) };
    world.dispatch.move_job(ids[2], &to).await.unwrap();
    world.until_window_is(2).await;
    let mut worker = world.worker("one").await;
    let order = [run_next(&mut worker).await, run_next(&mut worker).await, run_next(&mut worker).await];
    assert_eq!(order, [ids[2], ids[0], ids[1]]);
}

#[tokio::test]
async fn idle_workers_widen_the_window() {
    let world = World::with(Ground::sqlite().await, Settings { window_per_kind: 2, ..SETTINGS }).await;
    for _ in 0..9 {
        world.submit_for("a").await;
    }
    world.until_window_is(2).await;
    for name in ["one", "two", "three"] {
        let worker = worker::Worker {
            state: if name == "three" { WorkerState::Busy } else { WorkerState::Idle },
            ..worker::Worker::idle(name, WorkerKind::Sd, "scripted", "cpu", world.parts.clock.now())
        };
        world.queue().announce_worker(&worker, Duration::from_secs(60)).await.unwrap();
    }
    world.until_window_is(4).await;
}
