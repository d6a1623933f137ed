//! From submit to each of the ends.

use std::time::Duration;

use api::{db::NewJob, dispatch::Settings};
use contract::{
    cost::{Cost, Pace},
    event::JobChange,
    job::{FailureCode, JobState},
    result::{JobResult, MemoryStep},
};
use queue::{Accepted, Outcome};

use super::world::{SETTINGS, World};
use crate::{
    db::ground::{Ground, on_both},
    sample::{failure, file, result},
    wait::PATIENCE,
};

on_both!(
    a_job_runs_and_leaves_its_result_on_record_and_nothing_in_valkey,
    what_a_job_cost_goes_with_the_next_job_of_its_model,
    a_failed_attempt_is_repeated_after_a_pause,
    a_job_whose_attempts_all_went_wrong_is_dead_until_somebody_retries_it,
    a_job_that_kills_its_engine_twice_is_poison,
);

async fn a_job_runs_and_leaves_its_result_on_record_and_nothing_in_valkey(ground: Ground) {
    let mut world = World::new(ground).await;
    let mut worker = world.worker("one").await;
    let new = NewJob { traceparent: Some("00-trace".to_owned()), ..world.new_job("ann") };
    let id = world.submit(&new).await;
    let lease = worker.lease().await;
    assert_eq!((lease.job.id, &lease.job.spec, lease.attempt), (id, &new.spec, 1));
    assert_eq!(
        (lease.job.traceparent.as_deref(), lease.job.submitted_at),
        (Some("00-trace"), world.job(id).await.submitted_at)
    );
    let job = world.until(id, JobState::Running).await;
    assert_eq!((job.attempts, job.started_at.is_some()), (1, true));
    assert_eq!(world.outcomes(id).await, ["open"]);

    let made = result(vec![file('a'), file('b')]);
    assert_eq!(lease.succeed(&made).await.unwrap(), Accepted::Yes);
    assert_eq!(tokio::time::timeout(PATIENCE, world.ended.recv()).await.unwrap().unwrap(), id);
    let job = world.job(id).await;
    assert_eq!((job.state, job.result.as_ref(), job.failure), (JobState::Succeeded, Some(&made), None));
    for asset in &made.assets {
        assert_eq!(world.db().find_asset(asset.id).await.unwrap().unwrap().job_id, Some(id));
    }
    let attempts = world.attempts(id).await;
    assert_eq!((attempts[0].worker.as_str(), attempts[0].outcome.as_deref()), ("one", Some("succeeded")));
    world.until_valkey_is_empty().await;
    let changes = world.changes(id).await;
    assert!(matches!(&changes[..], [JobChange::Running { .. }, JobChange::Succeeded { .. }]), "{changes:?}");
}

async fn what_a_job_cost_goes_with_the_next_job_of_its_model(ground: Ground) {
    let world = World::new(ground).await;
    let mut worker = world.worker("one").await;
    let pace = Pace {
        loading_s: Some(4.0),
        encoding_s: 1.0,
        step_s_per_megapixel: 2.0,
        decoding_s_per_megapixel: 0.5,
        storing_s_per_picture: 0.125,
    };
    let first = Cost {
        device: "cpu".to_owned(),
        megapixels: 0.25,
        pictures: 1,
        steps: vec![MemoryStep::VaeTiling, MemoryStep::SmallTiles],
        peak_mib: Some(900),
        pace: Some(pace),
    };
    // As large, but resident, with less memory, and slower.
    let second =
        Cost { peak_mib: Some(800), pace: Some(Pace { loading_s: None, encoding_s: 3.0, ..pace }), ..first.clone() };
    let both = Cost { pace: Some(Pace { encoding_s: 2.0, ..pace }), ..first.clone() };
    let known = [vec![], vec![first.clone()], vec![both]];
    for (cost, known) in [Some(first), Some(second), None].into_iter().zip(known) {
        let id = world.submit(&world.new_job("ann")).await;
        let lease = worker.lease().await;
        assert_eq!(lease.job.history, known);
        let _ = lease.succeed(&JobResult { cost, ..result(vec![]) }).await.unwrap();
        world.until(id, JobState::Succeeded).await;
    }
}

async fn a_failed_attempt_is_repeated_after_a_pause(ground: Ground) {
    let world = World::new(ground).await;
    let mut worker = world.worker("one").await;
    let id = world.submit_for("ann").await;
    let _ = worker.lease().await.fail(Outcome::Retry, &failure("out of memory")).await.unwrap();
    let job = world.until_job(id, "waits for its second attempt", |job| job.failure.is_some()).await;
    assert_eq!((job.state, job.attempts, job.ended_at), (JobState::Queued, 1, None));
    assert_eq!(job.failure.unwrap().message, "out of memory");
    world.until_valkey_is_empty().await;

    // The pause lies between half of two seconds and one and a half of it.
    world.parts.clock.advance(Duration::from_millis(999));
    world.dispatch.nudge();
    let probe = world.submit_for("ann").await;
    let lease = worker.lease().await;
    assert_eq!(lease.job.id, probe);
    let _ = lease.succeed(&result(vec![])).await.unwrap();

    world.parts.clock.advance(Duration::from_millis(2001));
    world.dispatch.nudge();
    let lease = worker.lease().await;
    assert_eq!((lease.job.id, lease.attempt), (id, 2));
    let _ = lease.succeed(&result(vec![])).await.unwrap();
    let job = world.until(id, JobState::Succeeded).await;
    assert_eq!((job.attempts, job.failure), (2, None));
    assert_eq!(world.outcomes(id).await, ["retry", "succeeded"]);
    let changes = world.changes(id).await;
    assert!(changes.iter().any(|change| matches!(change, JobChange::Retrying { .. })), "{changes:?}");
}

async fn a_job_whose_attempts_all_went_wrong_is_dead_until_somebody_retries_it(ground: Ground) {
    let world = World::new(ground).await;
    let mut worker = world.worker("one").await;
    let id = world.submit(&NewJob { max_attempts: 2, ..world.new_job("ann") }).await;
    for attempt in 1..=2 {
        let lease = worker.lease().await;
        assert_eq!(lease.attempt, attempt);
        let _ = lease.fail(Outcome::Retry, &failure(&format!("attempt {attempt}"))).await.unwrap();
        world.until_job(id, "waits or has ended", |job| job.state != JobState::Running && job.failure.is_some()).await;
        world.parts.clock.advance(Duration::from_secs(60));
        world.dispatch.nudge();
    }
    let job = world.until(id, JobState::Dead).await;
    assert_eq!((job.attempts, job.failure.unwrap().message.as_str()), (2, "attempt 2"));
    assert!(job.ended_at.is_some());

    world.dispatch.retry_job(id).await.unwrap();
    let lease = worker.lease().await;
    assert_eq!((lease.job.id, lease.attempt, lease.max_attempts), (id, 1, 2));
    let _ = lease.fail(Outcome::Failed, &failure("never")).await.unwrap();
    let job = world.until(id, JobState::Failed).await;
    assert_eq!((job.attempts, job.failure.unwrap().message.as_str()), (1, "never"));
    assert_eq!(world.outcomes(id).await, ["retry", "retry", "failed"]);
}

async fn a_job_that_kills_its_engine_twice_is_poison(ground: Ground) {
    let world = World::new(ground).await;
    let mut worker = world.worker("one").await;
    let id = world.submit(&NewJob { max_attempts: 10, ..world.new_job("ann") }).await;
    for _ in 0..2 {
        let _ = worker.lease().await.fail(Outcome::Crashed, &failure("signal 11")).await.unwrap();
        world.until_job(id, "waits or has ended", |job| job.state != JobState::Running && job.failure.is_some()).await;
        world.parts.clock.advance(Duration::from_secs(60));
        world.dispatch.nudge();
    }
    let failure = world.until(id, JobState::Dead).await.failure.unwrap();
    assert_eq!(failure.code, FailureCode::EngineCrashed);
    assert!(failure.message.contains("2 times") && failure.message.contains("signal 11"), "{}", failure.message);
    assert_eq!(world.outcomes(id).await, ["crashed", "crashed"]);
}

#[tokio::test]
async fn a_job_whose_workers_vanish_is_dead_with_a_reason() {
    let settings = Settings { lease: Duration::from_millis(400), ..SETTINGS };
    let world = World::with(Ground::sqlite().await, settings).await;
    let id = world.submit(&NewJob { max_attempts: 2, ..world.new_job("ann") }).await;
    for attempt in 1..=2 {
        let mut worker = world.worker(&format!("worker {attempt}")).await;
        let lease = worker.lease().await;
        assert_eq!((lease.job.id, lease.attempt), (id, attempt));
        // Dropped without an end, it runs out.
    }
    let job = world.until(id, JobState::Dead).await;
    assert_eq!(job.failure.unwrap().code, FailureCode::WorkerLost);
    assert_eq!(world.outcomes(id).await, ["lost", "lost"]);
}

#[tokio::test]
async fn a_job_that_its_worker_gives_back_keeps_its_attempts() {
    let world = World::new(Ground::sqlite().await).await;
    let mut worker = world.worker("one").await;
    let id = world.submit_for("ann").await;
    let lease = worker.lease().await;
    world.until(id, JobState::Running).await;
    let _ = lease.release().await.unwrap();
    let job = world.until(id, JobState::Queued).await;
    assert_eq!(job.attempts, 0);
    assert_eq!(world.outcomes(id).await, ["released"]);
    let lease = world.worker("two").await.lease().await;
    assert_eq!((lease.job.id, lease.attempt), (id, 1));
}

#[tokio::test]
async fn a_job_that_the_queue_does_not_take_fails_and_holds_up_nobody() {
    let world = World::new(Ground::sqlite().await).await;
    let too_long = NewJob { spec: crate::sample::spec(&"\u{1F5FC}".repeat(100_000)), ..world.new_job("ann") };
    let id = world.submit(&too_long).await;
    let other = world.submit_for("ann").await;
    assert_eq!(world.worker("one").await.lease().await.job.id, other);
    let failure = world.until(id, JobState::Failed).await.failure.unwrap();
    assert_eq!(failure.code, FailureCode::Rejected);
}
