//! Children that die, and models that only C++ can judge.

use std::time::{Duration, Instant};

use contract::event::Phase;
use testkit::wait::until_true;
use worker::{Engine as _, EngineError};

use crate::studio::{Attempt, Studio, kill, order};

#[tokio::test]
async fn a_child_that_is_killed_in_the_middle_of_a_job_is_a_crash_with_a_reason_and_the_next_job_works() {
    let mut studio = Studio::open().await;
    let expected = studio.make(&order(|_| {})).await.unwrap();
    let child = studio.engine.process_id().unwrap();
    let mut attempt = Attempt::new();
    let long = order(|spec| spec.painting.steps = 150);
    let generating = studio.engine.generate(&long, &attempt.run);
    let killing = async {
        while attempt.reports.steps.recv().await.unwrap().phase != Phase::Sampling {}
        kill(child);
    };
    let (outcome, ()) = tokio::join!(generating, killing);
    let Err(EngineError::Crashed { message }) = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("while it made the picture"), "{message}");
    assert!(message.contains("SIGKILL") && message.contains("memory"), "{message}");
    assert!(studio.make(&order(|_| {})).await.unwrap() == expected);
}

#[tokio::test]
async fn after_a_crash_the_next_start_waits_for_a_second() {
    let mut studio = Studio::open().await;
    studio.make(&order(|_| {})).await.unwrap();
    let mut attempt = Attempt::new();
    kill(studio.engine.process_id().unwrap());
    let outcome = studio.engine.generate(&order(|_| {}), &attempt.run).await;
    assert!(matches!(outcome, Err(EngineError::Crashed { .. })), "{outcome:?}");
    let order = order(|_| {});
    let timing = async {
        while attempt.reports.steps.recv().await.unwrap().phase != Phase::Loading {}
        let asked = Instant::now();
        attempt.reports.steps.recv().await.unwrap();
        asked.elapsed()
    };
    let (loaded, waited) = tokio::join!(studio.engine.load(&order, &attempt.run), timing);
    loaded.unwrap();
    assert!(waited > Duration::from_millis(900), "it came after {waited:?}");
}

#[tokio::test]
async fn a_child_that_dies_while_nobody_needs_it_is_no_job_s_failure() {
    let mut studio = Studio::open().await;
    studio.make(&order(|_| {})).await.unwrap();
    let child = studio.engine.process_id().unwrap();
    kill(child);
    until_true("the death to be noticed", async || studio.engine.resident_models().is_empty()).await;
    studio.make(&order(|_| {})).await.unwrap();
    assert_ne!(studio.engine.process_id().unwrap(), child);
}

#[tokio::test]
async fn a_model_that_the_library_refuses_is_rejected_with_the_reason() {
    let mut studio = Studio::open().await;
    studio.add_broken_model("double_blocks.0.img_attn.norm.key_norm", "double_blocks.0.img_attn.norm.kex_norm");
    let outcome = studio.make(&order(|spec| spec.painting.model = Some("broken".to_owned()))).await;
    let Err(EngineError::Rejected { message, remedy: Some(_) }) = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("key_norm"), "{message}");
    studio.make(&order(|_| {})).await.unwrap();
}

#[tokio::test]
async fn a_model_that_kills_the_library_is_a_crash_with_the_reason() {
    let mut studio = Studio::open().await;
    // As many numbers in another shape: only the library can tell, and it divides by zero over it.
    studio.add_broken_model("\"shape\":[128,32]", "\"shape\":[64, 64]");
    let outcome = studio.make(&order(|spec| spec.painting.model = Some("broken".to_owned()))).await;
    let Err(EngineError::Crashed { message }) = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("while it loaded the model: killed by signal 8 (SIGFPE)"), "{message}");
    studio.make(&order(|_| {})).await.unwrap();
}

#[tokio::test]
async fn a_model_that_is_not_there_is_rejected_with_those_that_are() {
    let mut studio = Studio::open().await;
    let outcome = studio.make(&order(|spec| spec.painting.model = Some("smok".to_owned()))).await;
    let Err(EngineError::Rejected { message, remedy: Some(remedy) }) = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("smok"), "{message}");
    assert!(remedy.contains("smoke"), "{remedy}");
}

#[tokio::test]
async fn a_prompt_with_a_zero_byte_is_rejected() {
    let mut studio = Studio::open().await;
    let outcome = studio.make(&order(|spec| spec.painting.prompt = "a\0b".to_owned())).await;
    assert!(matches!(outcome, Err(EngineError::Rejected { .. })), "{outcome:?}");
    let attempt = Attempt::new();
    assert!(studio.engine.generate(&order(|_| {}), &attempt.run).await.is_ok(), "the engine goes on");
}
