//! Jobs that are too large for a worker.

use std::time::Duration;

use contract::job::FailureCode;
use queue::Outcome;
use worker::{Engine, EngineDescription, EngineError, Order, Picture, Run, ScriptedEngine};

use crate::scene::{Scene, job, settings};

/// An engine whose memory holds no job that is called large.
struct Small(ScriptedEngine);

impl Engine for Small {
    fn describe(&self) -> EngineDescription {
        EngineDescription { name: "small".to_owned(), ..self.0.describe() }
    }
    fn resident_models(&self) -> Vec<String> {
        self.0.resident_models()
    }
    fn memory_mib(&self) -> Option<u64> {
        Some(100)
    }
    async fn load(&mut self, order: &Order, run: &Run) -> Result<(), EngineError> {
        if format!("{:?}", order.spec).contains("large") {
            let (message, remedy) = ("it needs 200 MiB, and there are 100".to_owned(), "take more".to_owned());
            return Err(EngineError::TooLarge { message, remedy });
        }
        self.0.load(order, run).await
    }
    async fn generate(&mut self, order: &Order, run: &Run) -> Result<Vec<Picture>, EngineError> {
        self.0.generate(order, run).await
    }
    async fn unload(&mut self) {
        self.0.unload().await;
    }
}

fn small() -> Small {
    Small(ScriptedEngine::new(Duration::ZERO))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_too_large_is_left_to_a_larger_worker_and_the_small_one_goes_on() {
    let mut scene = Scene::open().await;
    let worker = scene.start(small(), settings());
    // Announced, and still busy with something else.
    let mut larger = scene.announced(|worker| worker.memory_mib == Some(100)).await;
    (larger.name, larger.memory_mib) = ("larger".to_owned(), Some(101));
    scene.queue.announce_worker(&larger, Duration::from_secs(60)).await.unwrap();
    let large = job("a large picture");
    scene.publish(&large).await;
    scene.publish(&job("a picture")).await;
    let done = scene.next_done().await;
    assert_eq!((done.outcome, done.result.unwrap().engine.as_str()), (Outcome::Succeeded, "small"));
    worker.stop().await;

    let worker = scene.start_worker();
    let done = scene.next_done().await;
    assert_eq!((done.job_id, done.outcome, done.attempts), (large.id, Outcome::Succeeded, 1));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_for_all_fails_with_the_reason() {
    let mut scene = Scene::open().await;
    let workers = [scene.start(small(), settings()), scene.start(small(), settings())];
    scene.publish(&job("a large picture")).await;
    let done = scene.next_done().await;
    let failure = done.failure.unwrap();
    assert_eq!((done.outcome, done.attempts, failure.code), (Outcome::Failed, 1, FailureCode::TooLarge));
    assert!(failure.message.contains("200 MiB"), "{failure:?}");
    // It is no fault of the model.
    scene.publish(&job("a picture")).await;
    assert_eq!(scene.next_done().await.outcome, Outcome::Succeeded);
    for worker in workers {
        worker.stop().await;
    }
}
