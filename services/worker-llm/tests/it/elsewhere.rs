//! An engine elsewhere: another llama-server, which this worker knows only by its address.

use std::{net::TcpListener, process::Stdio};

use contract::job::FailureCode;
use serde_json::json;
use tokio::process::{Child, Command};

use crate::salon::{Salon, chat, program};

/// Starts a server that takes a key, and returns its address.
fn start_server(model: &std::path::Path) -> (Child, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new(program())
        .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--threads", "1", "--parallel", "2", "--ctx-size", "4096"])
        .arg("--model")
        .arg(model)
        .env("LLAMA_API_KEY", "hunter2")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    (child, format!("http://127.0.0.1:{port}/v1"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_elsewhere_answers_with_its_key_and_what_it_cannot_do_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    testkit::tiny_models::write_llm(&folder.path().join("models")).unwrap();
    let (_server, url) = start_server(&folder.path().join("models/llm/smoke.gguf"));
    let mut salon =
        Salon::open_in(folder, &[("ATELIER_TEXT_ENGINE_URL", &url), ("ATELIER_TEXT_ENGINE_KEY", "hunter2")]).await;
    // It may not be up yet, and then says so.
    let answer = loop {
        let answer = salon.hear("smoke", chat("hello", json!({ "sampling": { "max_tokens": 5 } }))).await;
        match answer.events.last() {
            Some(contract::text::TextEvent::Failed { failure }) => {
                assert_eq!(failure.code, FailureCode::Engine, "{failure:?}");
                assert!(!format!("{failure:?}").contains("hunter2"));
            }
            _ => break answer,
        }
    };
    assert!(!answer.words().is_empty());
    let several = salon.hear("smoke", chat("hello", json!({ "count": 2, "sampling": { "max_tokens": 5 } }))).await;
    assert!(!several.words_of(1).is_empty());
    let failure = salon.hear("smoke", json!({ "kind": "tokenize", "text": "a" })).await.failure().clone();
    assert_eq!(failure.code, FailureCode::Rejected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_named_as_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    testkit::tiny_models::write_llm(&folder.path().join("models")).unwrap();
    let (_server, url) = start_server(&folder.path().join("models/llm/smoke.gguf"));
    let mut salon =
        Salon::open_in(folder, &[("ATELIER_TEXT_ENGINE_URL", &url), ("ATELIER_TEXT_ENGINE_KEY", "wrong")]).await;
    loop {
        let failure = salon.hear("smoke", chat("hello", json!({}))).await.failure().clone();
        assert_eq!(failure.code, FailureCode::Engine);
        if failure.remedy.as_ref().is_some_and(|remedy| remedy.contains("ATELIER_TEXT_ENGINE_KEY")) {
            return;
        }
    }
}
