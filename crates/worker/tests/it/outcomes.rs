//! What the queue hears when an attempt goes wrong.

use std::time::Duration;

use assets::metadata::{MEASURES_KEYWORD, find_recipe, read_texts};
use contract::{
    event::Phase,
    job::{FailureCode, QueuedJob},
    result::{Measure, MeasureReason, MemoryStep},
    spec::WorkerKind,
};
use queue::Outcome;
use worker::{Engine, EngineDescription, EngineError, Order, Picture, Run, ScriptedEngine, Settings};

use crate::scene::{Scene, job, job_for, settings};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_engine_refuses_is_failed_for_good_and_says_what_to_do() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    scene.publish(&job("[scripted: reject]")).await;
    let done = scene.next_done().await;
    let failure = done.failure.unwrap();
    assert_eq!((done.outcome, failure.code), (Outcome::Failed, FailureCode::Rejected));
    assert!(failure.remedy.is_some());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_once_is_retried_and_succeeds() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    let flaky = job("[scripted: flaky]");
    scene.publish(&flaky).await;
    let first = scene.next_done().await;
    assert_eq!((first.outcome, first.attempts), (Outcome::Retry, 1));
    assert_eq!(first.failure.unwrap().code, FailureCode::Engine);
    scene.publish_again(&flaky, 2, first.attempts).await;
    let second = scene.next_done().await;
    assert_eq!((second.outcome, second.attempts), (Outcome::Succeeded, 2));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_takes_only_its_job_with_it() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    scene.publish(&job("[scripted: crash]")).await;
    let done = scene.next_done().await;
    assert_eq!((done.outcome, done.failure.unwrap().code), (Outcome::Crashed, FailureCode::EngineCrashed));
    scene.publish(&job("a lighthouse")).await;
    assert_eq!(scene.next_done().await.outcome, Outcome::Succeeded);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_hangs_is_given_up_and_its_job_can_be_tried_again() {
    let mut scene = Scene::open().await;
    let stalling = Settings { stall: Duration::from_millis(300), grace: Duration::from_millis(100), ..settings() };
    let worker = scene.start(ScriptedEngine::new(Duration::ZERO), stalling);
    scene.publish(&job("[scripted: hang]")).await;
    let done = scene.next_done().await;
    let failure = done.failure.unwrap();
    assert_eq!((done.outcome, failure.code), (Outcome::Crashed, FailureCode::EngineCrashed));
    assert!(failure.message.contains("said nothing"), "{}", failure.message);
    scene.publish(&job("a lighthouse")).await;
    assert_eq!(scene.next_done().await.outcome, Outcome::Succeeded);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_one_colour_is_made_once_more_in_tiles_and_the_result_says_so() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    let job = job("[scripted: flat_untiled]");
    scene.publish(&job).await;
    let done = scene.next_done().await;
    assert_eq!((done.outcome, done.attempts), (Outcome::Succeeded, 1));
    let result = done.result.unwrap();
    let measures = &result.measures;
    assert_eq!(measures.len(), 1);
    assert_eq!((measures[0].step, measures[0].reason), (MemoryStep::VaeTiling, MeasureReason::FlatPicture));
    // The file says so as well, beside a job that anybody may submit again as it is.
    let file = scene.assets.read(&result.assets[0].blake3).await.unwrap();
    let texts = read_texts(&file);
    let said = texts.iter().find(|text| text.keyword == MEASURES_KEYWORD).expect("what was done differently");
    assert_eq!(&serde_json::from_str::<Vec<Measure>>(&said.text).unwrap(), measures);
    let recipe = find_recipe(&texts);
    assert_eq!((recipe.spec, recipe.notes), (Some(job.spec), vec![measures[0].message.clone()]));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_one_colour_in_tiles_as_well_fails_for_good_with_that_reason() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    scene.publish(&job("[scripted: flat]")).await;
    let done = scene.next_done().await;
    let failure = done.failure.unwrap();
    assert_eq!((done.outcome, failure.code), (Outcome::Failed, FailureCode::Engine));
    assert!(failure.message.contains("one colour"), "{}", failure.message);
    assert!(failure.remedy.is_some_and(|remedy| remedy.contains("autoencoder")));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_says_what_it_cost_and_a_fresh_worker_begins_with_what_others_wrote_down() {
    let mut scene = Scene::open().await;
    let worker = scene.start(ScriptedEngine::new(Duration::from_millis(20)), settings());
    scene.publish(&job("a lighthouse")).await;
    let cost = scene.next_done().await.result.unwrap().cost.unwrap();
    let pace = cost.pace.unwrap();
    assert_eq!((cost.device.as_str(), cost.pictures), ("cpu", 1));
    assert!(pace.loading_s.is_some_and(|seconds| seconds >= 0.08) && pace.step_s_per_megapixel > 1.0, "{pace:?}");
    worker.stop().await;

    let fresh = scene.start(ScriptedEngine::new(Duration::from_millis(20)), settings());
    let known = QueuedJob { history: vec![cost], ..job("a lighthouse") };
    scene.publish(&known).await;
    assert_eq!(scene.next_done().await.outcome, Outcome::Succeeded);
    let first = &scene.progress(known.id).await[0];
    assert!(first.remaining_s.is_some_and(|seconds| seconds > 0.1), "{first:?}");
    fresh.stop().await;
}

/// An engine that panics on the first job.
struct Panicking {
    inner: ScriptedEngine,
    has_panicked: bool,
}

impl Engine for Panicking {
    fn describe(&self) -> EngineDescription {
        self.inner.describe()
    }
    fn resident_models(&self) -> Vec<String> {
        self.inner.resident_models()
    }
    async fn load(&mut self, order: &Order, run: &Run) -> Result<(), EngineError> {
        self.inner.load(order, run).await
    }
    async fn generate(&mut self, order: &Order, run: &Run) -> Result<Vec<Picture>, EngineError> {
        if !self.has_panicked {
            self.has_panicked = true;
            run.progress(Phase::Sampling, 1, 4);
            panic!("index out of bounds");
        }
        self.inner.generate(order, run).await
    }
    async fn unload(&mut self) {
        self.inner.unload().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_an_engine_is_a_crash_with_its_words_and_the_worker_lives() {
    let mut scene = Scene::open().await;
    let inner = ScriptedEngine::new(Duration::ZERO);
    let worker = scene.start(Panicking { inner, has_panicked: false }, settings());
    scene.publish(&job("first")).await;
    let done = scene.next_done().await;
    assert_eq!(done.outcome, Outcome::Crashed);
    assert!(done.failure.unwrap().message.contains("index out of bounds"));
    scene.publish(&job("second")).await;
    assert_eq!(scene.next_done().await.outcome, Outcome::Succeeded);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_cannot_be_stored_are_made_again_later() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    let outputs = scene.folder.path().join("outputs");
    let aside = scene.folder.path().join("aside");
    std::fs::rename(&outputs, &aside).unwrap();
    std::fs::write(&outputs, "a file where the folder was").unwrap();
    let unlucky = job("a lighthouse");
    scene.publish(&unlucky).await;
    let done = scene.next_done().await;
    assert_eq!((done.outcome, done.failure.unwrap().code), (Outcome::Retry, FailureCode::Storage));

    std::fs::remove_file(&outputs).unwrap();
    std::fs::rename(&aside, &outputs).unwrap();
    scene.publish_again(&unlucky, 2, 1).await;
    assert_eq!(scene.next_done().await.outcome, Outcome::Succeeded);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_does_not_load_here_is_left_alone_while_others_run() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    let broken = job_for("broken", "[scripted: fail_load]");
    scene.publish(&broken).await;
    assert_eq!(scene.next_done().await.outcome, Outcome::Retry);
    // The broken one is older now, and is passed over all the same.
    scene.publish_again(&broken, 2, 1).await;
    let good = job_for("good", "a lighthouse");
    scene.publish(&good).await;
    let done = scene.next_done().await;
    assert_eq!((done.job_id, done.outcome), (good.id, Outcome::Succeeded));
    assert_eq!(scene.queue.depth(WorkerKind::Sd).await.unwrap().queued, 1);
    worker.stop().await;
}
