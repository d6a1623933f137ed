//! In which order a worker takes jobs of several models.

use std::time::{Duration, Instant};

use contract::event::Phase;
use worker::{Engine, EngineDescription, EngineError, Order, Picture, Run, ScriptedEngine, Settings};

use crate::scene::{Scene, job_for, settings};

/// An engine that paints until more time has passed than ten loads take, so that the quantum is used up after each job.
struct LongJobs {
    inner: ScriptedEngine,
    load_began: Instant,
}

impl Engine for LongJobs {
    fn describe(&self) -> EngineDescription {
        self.inner.describe()
    }
    fn resident_models(&self) -> Vec<String> {
        self.inner.resident_models()
    }
    async fn load(&mut self, order: &Order, run: &Run) -> Result<(), EngineError> {
        self.load_began = Instant::now();
        self.inner.load(order, run).await
    }
    async fn generate(&mut self, order: &Order, run: &Run) -> Result<Vec<Picture>, EngineError> {
        let (began, longer_than_quantum) = (Instant::now(), self.load_began.elapsed() * 11);
        loop {
            let pictures = self.inner.generate(order, run).await?;
            if began.elapsed() > longer_than_quantum {
                return Ok(pictures);
            }
        }
    }
    async fn unload(&mut self) {
        self.inner.unload().await;
    }
}

/// Publishes a, b, a, b, a, b and returns the models in the order in which their jobs ran.
async fn order_with(least_quantum: Duration) -> String {
    let mut scene = Scene::open().await;
    let mut published = Vec::new();
    for model in ["a", "b", "a", "b", "a", "b"] {
        let job = job_for(model, "a lighthouse");
        scene.publish(&job).await;
        published.push((job.id, model));
    }
    let engine = LongJobs { inner: ScriptedEngine::new(Duration::ZERO), load_began: Instant::now() };
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
    let jobs = [job_for("a", "first"), job_for("a", "second")];
    let mut has_loaded = Vec::new();
    for job in &jobs {
        scene.publish(job).await;
        scene.next_done().await;
        has_loaded.push(scene.progress(job.id).await.iter().any(|progress| progress.phase == Phase::Loading));
    }
    assert_eq!(has_loaded, [true, false]);
    worker.stop().await;
}
