//! Whatever Valkey loses, or brings back, every job ends once.

use std::time::Duration;

use api::dispatch::Settings;
use bytes::Bytes;
use contract::{
    JobId,
    job::{FailureCode, JobState, QueuedJob},
};
use queue::{Accepted, Publication};

use super::world::{PREFIX, SETTINGS, World};
use crate::{
    db::ground::{Ground, on_both},
    sample::{result, spec},
    wait::{PATIENCE, until_true},
};

on_both!(
    a_wiped_valkey_loses_no_job,
    what_was_marked_and_never_published_is_published_after_a_restart,
    a_result_that_was_stored_is_adopted_when_valkey_forgets_the_job,
);

async fn a_wiped_valkey_loses_no_job(ground: Ground) {
    // The holder of a lost lease hears of it with its next beat, a fifth of the lease later.
    let world = World::with(ground, Settings { lease: Duration::from_secs(5), ..SETTINGS }).await;
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(world.submit_for("ann").await);
    }
    let mut worker = world.worker("one").await;
    let held = worker.lease().await;
    world.until(held.job.id, JobState::Running).await;
    let (first, token) = (held.job.id, held.lost());
    world.valkey.flush().unwrap();

    let mut seen = Vec::new();
    for _ in 0..12 {
        let lease = worker.lease().await;
        // The attempt that Valkey has forgotten still counts.
        assert_eq!(lease.attempt, if lease.job.id == first { 2 } else { 1 });
        seen.push(lease.job.id);
        assert_eq!(lease.succeed(&result(vec![])).await.unwrap(), Accepted::Yes);
    }
    seen.sort_unstable();
    assert_eq!(seen, ids);
    for id in ids {
        world.until(id, JobState::Succeeded).await;
    }
    tokio::time::timeout(PATIENCE, token.cancelled()).await.expect("the first holder hears of it");
    assert_eq!(held.succeed(&result(vec![])).await.unwrap(), Accepted::Lost);
    assert_eq!(world.outcomes(first).await, ["lost", "succeeded"]);
    world.until_valkey_is_empty().await;
}

async fn what_was_marked_and_never_published_is_published_after_a_restart(ground: Ground) {
    let mut world = World::new(ground).await;
    world.stop().await;
    let id = world.submit_for("ann").await;
    // The API died here: after the commit, before the publication.
    let sql = "UPDATE jobs SET state = 'published', generation = generation + 1, published_at = submitted_at";
    world.ground.run(sql).await.unwrap();
    world.start();
    let lease = world.worker("one").await.lease().await;
    assert_eq!((lease.job.id, lease.attempt), (id, 1));
    let _ = lease.succeed(&result(vec![])).await.unwrap();
    world.until(id, JobState::Succeeded).await;
}

async fn a_result_that_was_stored_is_adopted_when_valkey_forgets_the_job(ground: Ground) {
    let world = World::new(ground).await;
    let mut worker = world.worker("one").await;
    let id = world.submit_for("ann").await;
    let lease = worker.lease().await;
    world.until(id, JobState::Running).await;
    let picture = world.parts.assets.put("image/png", Bytes::from_static(b"a picture")).await.unwrap();
    let made = result(vec![picture.clone()]);
    world.parts.assets.write_result(id, lease.token(), &made).await.unwrap();
    drop(lease);
    world.valkey.flush().unwrap();
    let job = world.until(id, JobState::Succeeded).await;
    assert_eq!((job.result, job.attempts), (Some(made), 1));
    assert_eq!(world.db().find_asset(picture.id).await.unwrap().unwrap().job_id, Some(id));
    assert!(worker.lease_within(Duration::from_millis(300)).await.is_none(), "nobody runs it again");
}

#[tokio::test]
async fn a_job_that_comes_back_with_an_older_image_is_not_run_again() {
    let mut world = World::new(Ground::sqlite().await).await;
    let mut worker = world.worker("one").await;
    let id = world.submit_for("ann").await;
    let _ = worker.lease().await.succeed(&result(vec![])).await.unwrap();
    world.until(id, JobState::Succeeded).await;
    world.until_valkey_is_empty().await;
    world.stop().await;
    // This is what the older image holds: the same generation, waiting.
    world.queue().publish(&[publication(id, 1)]).await.unwrap();
    world.start();
    world.until_valkey_is_empty().await;
    assert!(worker.lease_within(Duration::from_millis(300)).await.is_none());
    assert_eq!(world.outcomes(id).await, ["succeeded"]);
}

#[tokio::test]
async fn a_job_that_comes_back_in_an_older_generation_is_published_over_it() {
    let mut world = World::new(Ground::sqlite().await).await;
    let id = world.submit_for("ann").await;
    world.until_window_is(1).await;
    world.stop().await;
    world.ground.run("UPDATE jobs SET generation = 5").await.unwrap();
    world.start();
    let mut worker = world.worker("one").await;
    // Valkey holds generation 1, so generation 6 follows.
    world.until_job(id, "waits in generation 6", |job| job.state == JobState::Queued).await;
    let is_sixth = async || world.queue().generations(&[id]).await.unwrap() == [Some(6)];
    until_true("generation 6", is_sixth).await;
    let _ = worker.lease().await.succeed(&result(vec![])).await.unwrap();
    world.until(id, JobState::Succeeded).await;
    world.until_valkey_is_empty().await;
}

#[tokio::test]
async fn an_end_that_is_told_twice_or_too_late_changes_nothing() {
    let world = World::new(Ground::sqlite().await).await;
    let id = world.submit_for("ann").await;
    let made = result(vec![]);
    let _ = world.worker("one").await.lease().await.succeed(&made).await.unwrap();
    world.until(id, JobState::Succeeded).await;
    let tell = |id: JobId, generation: u64, outcome: &str| {
        let fields = format!("id {id} generation {generation} outcome {outcome} attempts 1 worker two payload ''");
        world.valkey.ask(&format!("XADD {{{PREFIX}}}:done * {fields}")).unwrap();
    };
    for generation in [0, 1, 2] {
        tell(id, generation, "dead");
    }
    tell(JobId::new(), 1, "dead");
    let waiting = world.submit_for("ann").await;
    world.until_window_is(1).await;
    // It waits in generation 1, so this is about a publication that was taken back long ago.
    tell(waiting, 0, "dead");
    until_true("all to be settled", async || world.unsettled() == "0").await;
    let job = world.job(id).await;
    assert_eq!((job.state, job.result, job.failure), (JobState::Succeeded, Some(made), None));
    let lease = world.worker("three").await.lease().await;
    assert_eq!((lease.job.id, world.job(waiting).await.failure), (waiting, None));
}

#[tokio::test]
async fn an_end_that_came_while_the_api_was_down_is_recorded_when_it_is_back() {
    let mut world = World::new(Ground::sqlite().await).await;
    let mut worker = world.worker("one").await;
    let id = world.submit_for("ann").await;
    let lease = worker.lease().await;
    world.stop().await;
    let failure = contract::job::Failure { code: FailureCode::Rejected, ..crate::sample::failure("no such model") };
    let _ = lease.fail(queue::Outcome::Failed, &failure).await.unwrap();
    world.start();
    let job = world.until(id, JobState::Failed).await;
    assert_eq!((job.failure, job.attempts), (Some(failure), 1));
    // That it began was told by an event which nobody heard at the time.
    assert!(job.started_at.is_some());
}

#[tokio::test]
async fn who_runs_is_known_although_the_events_that_told_it_are_lost() {
    let mut world = World::new(Ground::sqlite().await).await;
    let id = world.submit_for("ann").await;
    world.until_window_is(1).await;
    world.stop().await;
    let _lease = world.worker("one").await.lease().await;
    world.valkey.ask(&format!("XTRIM {{{PREFIX}}}:ev MAXLEN 0")).unwrap();
    world.start();
    let job = world.until(id, JobState::Running).await;
    assert_eq!(job.attempts, 1);
    assert_eq!(world.attempts(id).await[0].worker, "one");
}

fn publication(id: JobId, generation: u64) -> Publication {
    let job = QueuedJob {
        id,
        spec: spec("x"),
        inputs: Vec::new(),
        history: Vec::new(),
        submitted_at: crate::sample::noon(),
        traceparent: None,
    };
    Publication {
        job,
        generation,
        rank: 1,
        model: "smoke".to_owned(),
        attempts: 0,
        max_attempts: 3,
        lease: Duration::from_secs(60),
        cancel_requested: false,
    }
}
