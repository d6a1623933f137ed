//! What the list of workers says.

use std::time::Duration;

use contract::worker::{Worker, WorkerState};
use worker::ScriptedEngine;

use crate::scene::{Scene, job_of, settings, within};

async fn worker_that(scene: &Scene, wanted: impl Fn(&Worker) -> bool) -> Worker {
    within("a worker to say so", async {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        loop {
            look.tick().await;
            if let Some(worker) = scene.queue.workers().await.unwrap().into_iter().find(&wanted) {
                return worker;
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_says_what_it_is_and_what_it_does() {
    let scene = Scene::open().await;
    let worker = scene.start(ScriptedEngine::new(Duration::from_millis(10)), settings());
    let idle = worker_that(&scene, |worker| worker.state == WorkerState::Idle).await;
    assert!(idle.engine.starts_with("scripted "));
    assert_eq!((idle.device.as_str(), idle.job_id), ("cpu", None));

    let long = job_of(serde_json::json!({
        "prompt": "a lighthouse", "model": "m", "seed": 7, "width": 64, "height": 64, "steps": 100
    }));
    scene.publish(&long).await;
    let busy = worker_that(&scene, |worker| worker.state == WorkerState::Busy).await;
    assert_eq!((busy.job_id, busy.name), (Some(long.id), idle.name));
    worker.stop.cancel();
    worker_that(&scene, |worker| worker.state == WorkerState::Draining).await;
    worker.stop().await;
    assert!(scene.queue.workers().await.unwrap().is_empty());
}
