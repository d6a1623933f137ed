//! What the list of workers says.

use std::time::Duration;

use contract::worker::WorkerState;
use worker::ScriptedEngine;

use crate::scene::{Scene, job, job_of, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_says_what_it_is_and_what_it_does() {
    let scene = Scene::open().await;
    let worker = scene.start(ScriptedEngine::new(Duration::from_millis(10)), settings());
    let idle = scene.announced(|worker| worker.state == WorkerState::Idle).await;
    assert!(idle.engine.starts_with("scripted "));
    assert_eq!((idle.device.as_str(), idle.job_id), ("cpu", None));

    let long = job_of(serde_json::json!({
        "prompt": "a lighthouse", "model": "m", "seed": 7, "width": 64, "height": 64, "steps": 100
    }));
    scene.publish(&long).await;
    let busy = scene.announced(|worker| worker.state == WorkerState::Busy).await;
    assert_eq!((busy.job_id, busy.name), (Some(long.id), idle.name));
    worker.stop.cancel();
    scene.announced(|worker| worker.state == WorkerState::Draining).await;
    worker.stop().await;
    assert!(scene.queue.workers().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_count_attempts_by_how_they_ended() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    for prompt in ["a lighthouse", "a lamp", "[scripted: crash]"] {
        scene.publish(&job(prompt)).await;
        scene.next_done().await;
    }
    worker.stop().await;
    let metrics = chassis::metrics::render();
    for line in [
        r#"atelier_worker_attempts_total{kind="text_to_image",outcome="succeeded"} 2"#,
        r#"atelier_worker_attempts_total{kind="text_to_image",outcome="crashed"} 1"#,
        "atelier_worker_engine_restarts_total 1",
        "atelier_worker_busy 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
}
