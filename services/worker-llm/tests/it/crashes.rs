//! Engines that die, and models that cannot be loaded.

use std::fs;

use contract::job::FailureCode;
use rustix::process::Signal;
use serde_json::json;

use crate::salon::{Salon, chat, long_chat, signal};

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_ends_its_answers_with_the_reason_and_comes_back() {
    let mut salon = Salon::open(&[]).await;
    let id = salon.ask("smoke", long_chat()).await;
    salon.speaking(id).await;
    let server = salon.servers(1).await[0];
    signal(server, Signal::KILL);
    let failure = salon.answer(id).await.failure().clone();
    assert_eq!(failure.code, FailureCode::EngineCrashed);
    assert!(failure.message.contains("signal 9"), "{failure:?}");
    let next = salon.hear("smoke", chat("hello", json!({ "sampling": { "max_tokens": 3 } }))).await;
    assert!(!next.words().is_empty());
    assert!(next.reasons().iter().any(|reason| reason.contains("started again")), "{:?}", next.events);
    assert_ne!(salon.servers(1).await[0], server);
    let said = salon.worker_says(|worker| worker.last_problem.is_some()).await;
    assert!(said.last_problem.unwrap().contains("signal 9"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_dies_again_and_again_comes_up_with_less() {
    let mut salon = Salon::open(&[("ATELIER_TEXT_SLOTS", "3")]).await;
    for _ in 0..2 {
        let id = salon.ask("smoke", long_chat()).await;
        salon.speaking(id).await;
        signal(salon.servers(1).await[0], Signal::KILL);
        assert_eq!(salon.answer(id).await.failure().code, FailureCode::EngineCrashed);
    }
    let next = salon.hear("smoke", chat("hello", json!({ "sampling": { "max_tokens": 3 } }))).await;
    assert!(!next.words().is_empty());
    let server = salon.servers(1).await[0];
    let command = fs::read(format!("/proc/{server}/cmdline")).unwrap();
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    assert!(command.contains("--parallel 1 --ctx-size 4096 "), "{command}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_hangs_is_given_up_and_comes_back() {
    let mut salon = Salon::open(&[("ATELIER_STALL_S", "2")]).await;
    let id = salon.ask("smoke", long_chat()).await;
    salon.speaking(id).await;
    let server = salon.servers(1).await[0];
    signal(server, Signal::STOP);
    let failure = salon.answer(id).await.failure().clone();
    assert_eq!(failure.code, FailureCode::EngineCrashed);
    assert!(failure.message.contains("said nothing for 2 s"), "{failure:?}");
    let next = salon.hear("smoke", chat("hello", json!({ "sampling": { "max_tokens": 3 } }))).await;
    assert!(!next.words().is_empty());
    assert_ne!(salon.servers(1).await[0], server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_broken_or_missing_is_refused_in_words_and_the_worker_goes_on() {
    let mut salon = Salon::open(&[]).await;
    let bytes = fs::read(salon.model_path("smoke.gguf")).unwrap();
    fs::write(salon.model_path("cut.gguf"), &bytes[..bytes.len() / 2]).unwrap();
    // Its header is fine, and llama.cpp knows no such kind of model.
    let place = bytes.windows(5).position(|window| window == b"llama").unwrap();
    let mut other = bytes.clone();
    other[place..place + 5].copy_from_slice(b"xxama");
    fs::write(salon.model_path("strange.gguf"), &other).unwrap();
    for (model, word) in [("cut", "cut"), ("strange", "strange"), ("smoky", "smoke"), ("../smoke", "smoke")] {
        let failure = salon.hear(model, chat("hello", json!({}))).await.failure().clone();
        assert_eq!(failure.code, FailureCode::Rejected, "{model}: {failure:?}");
        println!("{model}: {failure:?}");
        assert!(format!("{failure:?}").contains(word), "{model}: {failure:?}");
    }
    let answer = salon.hear("smoke", chat("hello", json!({ "sampling": { "max_tokens": 3 } }))).await;
    assert!(!answer.words().is_empty());
}
