//! The worker is told to stop.

use std::time::Duration;

use contract::spec::WorkerKind;
use queue::{Affinity, Outcome};
use tokio_util::sync::CancellationToken;
use worker::{ScriptedEngine, Settings};

use crate::scene::{Scene, job, job_of, settings, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_when_the_worker_must_stop_may_finish_and_no_other_begins() {
    let mut scene = Scene::open().await;
    let worker = scene.start(ScriptedEngine::new(Duration::from_millis(100)), settings());
    let (running, waiting) = (job("running"), job("waiting"));
    scene.publish(&running).await;
    scene.publish(&waiting).await;
    scene.sampling(running.id).await;
    worker.stop().await;
    let done = scene.next_done().await;
    assert_eq!((done.job_id, done.outcome), (running.id, Outcome::Succeeded));
    let depth = scene.queue.depth(WorkerKind::Sd).await.unwrap();
    assert_eq!((depth.queued, depth.running), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_takes_too_long_goes_back_and_the_attempt_does_not_count() {
    let mut scene = Scene::open().await;
    let engine = ScriptedEngine::new(Duration::from_secs(1));
    let worker = scene.start(engine, Settings { drain: Duration::from_millis(100), ..settings() });
    let long = job_of(serde_json::json!({
        "prompt": "a lighthouse [scripted: load_ms=0]", "model": "m", "seed": 7, "width": 64, "height": 64, "steps": 150
    }));
    scene.publish(&long).await;
    scene.sampling(long.id).await;
    worker.stop().await;

    let mut consumer = scene.queue.consumer(WorkerKind::Sd, "another", settings().lease).await.unwrap();
    let never = CancellationToken::new();
    let lease = within("the job", consumer.next(&Affinity::default(), &never)).await.unwrap().unwrap();
    assert_eq!((lease.job.id, lease.attempt), (long.id, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn even_an_engine_that_hangs_does_not_keep_the_worker_from_stopping() {
    let mut scene = Scene::open().await;
    let engine = ScriptedEngine::new(Duration::ZERO);
    let worker = scene.start(engine, Settings { drain: Duration::from_millis(100), ..settings() });
    let hanging = job("[scripted: hang]");
    scene.publish(&hanging).await;
    scene.sampling(hanging.id).await;
    worker.stop().await;
    let depth = scene.queue.depth(WorkerKind::Sd).await.unwrap();
    assert_eq!((depth.queued, depth.running), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_stops_at_once() {
    let scene = Scene::open().await;
    let worker = scene.start_worker();
    worker.stop().await;
    assert!(scene.queue.workers().await.unwrap().is_empty());
}
