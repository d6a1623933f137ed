//! Somebody asks for the end of a job.

use std::time::{Duration, Instant};

use contract::event::JobChange;
use queue::{Cancelled, Outcome};
use worker::ScriptedEngine;

use crate::scene::{Scene, job, job_of, settings};

/// A job that would run for minutes.
fn long_job(prompt: &str) -> contract::job::QueuedJob {
    job_of(serde_json::json!({
        "prompt": format!("{prompt} [scripted: steps_ms=1000]"),
        "model": "m", "seed": 7, "width": 64, "height": 64, "steps": 150
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_job_that_is_cancelled_never_runs() {
    let mut scene = Scene::open().await;
    let (unwanted, wanted) = (job("unwanted"), job("wanted"));
    scene.publish(&unwanted).await;
    scene.publish(&wanted).await;
    assert_eq!(scene.queue.cancel(unwanted.id).await.unwrap(), Cancelled::Cancelled);
    let worker = scene.start_worker();
    assert_eq!(scene.next_done().await.outcome, Outcome::Cancelled);
    assert_eq!(scene.next_done().await.outcome, Outcome::Succeeded);
    let has_run = |changes: &[JobChange]| changes.iter().any(|change| matches!(change, JobChange::Running { .. }));
    assert!(has_run(&scene.changes(wanted.id).await));
    assert!(!has_run(&scene.changes(unwanted.id).await));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_that_is_cancelled_ends_at_once_and_the_next_one_runs() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    let unwanted = long_job("unwanted");
    scene.publish(&unwanted).await;
    scene.sampling(unwanted.id).await;
    let asked = Instant::now();
    assert_eq!(scene.queue.cancel(unwanted.id).await.unwrap(), Cancelled::Requested);
    let done = scene.next_done().await;
    assert_eq!((done.job_id, done.outcome), (unwanted.id, Outcome::Cancelled));
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert!(scene.assets.find_result(unwanted.id).await.unwrap().is_none());

    scene.publish(&job("wanted")).await;
    assert_eq!(scene.next_done().await.outcome, Outcome::Succeeded);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_does_not_hear_a_cancel_is_given_up_after_the_grace() {
    let mut scene = Scene::open().await;
    let settings = settings();
    let worker = scene.start(ScriptedEngine::new(Duration::ZERO), settings.clone());
    let hanging = job("[scripted: hang]");
    scene.publish(&hanging).await;
    scene.sampling(hanging.id).await;
    let asked = Instant::now();
    assert_eq!(scene.queue.cancel(hanging.id).await.unwrap(), Cancelled::Requested);
    assert_eq!(scene.next_done().await.outcome, Outcome::Cancelled);
    assert!(asked.elapsed() >= settings.grace, "it had {:?} only", asked.elapsed());

    scene.publish(&job("wanted")).await;
    assert_eq!(scene.next_done().await.outcome, Outcome::Succeeded);
    worker.stop().await;
}
