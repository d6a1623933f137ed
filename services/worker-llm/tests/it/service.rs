//! The program itself: start, stop, and what is left when it dies.

use std::{fs, process::Stdio, time::Duration};

use queue::text::TextEnd;
use rustix::process::Signal;
use serde_json::json;
use testkit::wait::PATIENCE;
use tokio::{process::Command, time::timeout};

use crate::salon::{Salon, chat, long_chat, servers_of, signal, start};

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_make_no_sense_end_the_program_with_64_and_a_word_about_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    for (variable, value, named) in [
        ("ATELIER_LLAMA_SERVER", "/nowhere/llama-server", "llama_server"),
        ("ATELIER_TEXT_ENGINE_URL", "ftp://127.0.0.1", "text_engine_url"),
        ("ATELIER_TEXT_ENGINE_URL", "http://me:hunter2@127.0.0.1", "text_engine_url"),
        ("ATELIER_TEXT_SLOTS", "0", "text_slots"),
        ("ATELIER_VALKEY_URL", "http://127.0.0.1", "valkey_url"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker-llm"));
        command.current_dir(folder.path()).env("ATELIER_DATA_DIR", folder.path()).env(variable, value);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{variable}: {words}");
        assert!(words.contains(named) && !words.contains("hunter2"), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_told_to_stop_finishes_its_answers_and_leaves_nothing_behind() {
    let mut salon = Salon::open(&[]).await;
    let id = salon.ask("smoke", long_chat()).await;
    salon.speaking(id).await;
    assert_eq!(salon.stop().await, Some(0));
    assert!(salon.answer(id).await.words().len() > 1000);
    assert!(servers_of(salon.folder.path()).is_empty());
    assert!(salon.queue.workers().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_whole_in_time_ends_with_that_reason() {
    let mut salon = Salon::open(&[("ATELIER_DRAIN_S", "0")]).await;
    let id = salon.ask("smoke", long_chat()).await;
    salon.speaking(id).await;
    assert_eq!(salon.stop().await, Some(0));
    let failure = salon.answer(id).await.failure().clone();
    assert!(failure.message.contains("stops"), "{failure:?}");
    assert!(servers_of(salon.folder.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_leaves_no_engine_behind_and_its_answers_end() {
    let mut salon = Salon::open(&[]).await;
    let id = salon.ask("smoke", long_chat()).await;
    salon.speaking(id).await;
    assert_eq!(salon.servers(1).await.len(), 1);
    signal(salon.worker.id().unwrap(), Signal::KILL);
    salon.servers(0).await;
    // Another worker finds that the lease has run out.
    let _second = start(salon.folder.path(), &salon.valkey.url(), &[]);
    assert_eq!(salon.end(id).await, TextEnd::Dead);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_waits_takes_little_memory_and_says_what_it_holds() {
    let mut salon = Salon::open(&[]).await;
    let answer = salon.hear("smoke", chat("hello", json!({ "sampling": { "max_tokens": 3 } }))).await;
    assert!(!answer.words().is_empty());
    let worker = salon.worker_says(|worker| worker.resident_models == ["smoke"]).await;
    assert!(worker.residents[0].memory_mib > Some(0), "{worker:?}");
    assert!(worker.engine.contains("llama.cpp"), "{worker:?}");
    let status = fs::read_to_string(format!("/proc/{}/status", salon.worker.id().unwrap())).unwrap();
    let kib: u64 =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok()).unwrap();
    println!("the worker takes {kib} KiB");
    assert!(kib < 40 << 10, "{kib} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_an_engine_does_nothing_and_does_not_fail() {
    let folder = tempfile::tempdir().unwrap();
    let valkey = testkit::valkey::TestValkey::start().unwrap();
    let settings = [("ATELIER_LLAMA_SERVER", ""), ("PATH", "")];
    let mut worker = start(folder.path(), &valkey.url(), &settings);
    // It must not end by itself.
    assert!(timeout(Duration::from_secs(1), worker.wait()).await.is_err());
    signal(worker.id().unwrap(), Signal::TERM);
    assert_eq!(timeout(PATIENCE, worker.wait()).await.unwrap().unwrap().code(), Some(0));
}
