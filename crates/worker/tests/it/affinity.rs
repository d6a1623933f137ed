//! In which order a worker takes jobs of several models.

use std::time::Duration;

use contract::event::{JobChange, Phase};
use worker::{ScriptedEngine, Settings};

use crate::scene::{Scene, job_for, settings};

/// Publishes a, b, a, b, a, b and returns the models in the order in which their jobs ran.
async fn order_with(least_quantum: Duration) -> String {
    let mut scene = Scene::open().await;
    let mut published = Vec::new();
    for model in ["a", "b", "a", "b", "a", "b"] {
        let job = job_for(model, "[scripted: load_ms=0]");
        scene.publish(&job).await;
        published.push((job.id, model));
    }
    let engine = ScriptedEngine::new(Duration::ZERO);
    let worker = scene.start(engine, Settings { least_quantum, ..settings() });
    let mut ran = String::new();
    for _ in 0..published.len() {
        let done = scene.next_done().await;
        let (_, model) = published.iter().find(|(id, _)| *id == done.job_id).unwrap();
        ran.push_str(model);
    }
    worker.stop().await;
    ran
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_the_model_in_memory_come_first_while_the_quantum_lasts() {
    assert_eq!(order_with(Duration::from_secs(60)).await, "aaabbb");
}

#[tokio::test(flavor = "multi_thread")]
async fn once_the_quantum_is_used_up_the_oldest_job_of_another_model_is_next() {
    assert_eq!(order_with(Duration::ZERO).await, "ababab");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resident_model_is_not_loaded_again() {
    let mut scene = Scene::open().await;
    // Slow enough that no phase is passed over in the reports.
    let worker = scene.start(ScriptedEngine::new(Duration::from_millis(100)), settings());
    let (first, second) = (job_for("a", "first"), job_for("a", "second"));
    scene.publish(&first).await;
    scene.publish(&second).await;
    let events = scene.events_until(second.id, |change| matches!(change, JobChange::Succeeded { .. })).await;
    let phases = |id| {
        events
            .iter()
            .filter(move |event| event.job_id == id)
            .filter_map(|event| match &event.change {
                JobChange::Progress(progress) => Some(progress.phase),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    assert!(phases(first.id).contains(&Phase::Loading), "{:?}", phases(first.id));
    assert!(!phases(second.id).contains(&Phase::Loading), "{:?}", phases(second.id));
    worker.stop().await;
}
