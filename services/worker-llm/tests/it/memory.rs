//! Models that come and go.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use contract::{text::TextEvent, worker::Worker};
use queue::memory::{Device, Want};
use serde_json::json;
use testkit::{
    driver::Card,
    wait::{PATIENCE, until},
};
use tokio::time::timeout;

use crate::salon::{Salon, chat, long_chat, program, start};

/// Enough address space to start and read the model, and too little for what it computes in.
const LITTLE_KIB: u64 = 400_000;

fn short() -> serde_json::Value {
    chat("hello", json!({ "sampling": { "max_tokens": 3 } }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_nobody_needs_leaves_and_comes_back_when_it_is_needed() {
    let mut salon = Salon::open(&[("ATELIER_TEXT_IDLE_S", "1")]).await;
    assert!(!salon.hear("smoke", short()).await.words().is_empty());
    let first = salon.servers(1).await;
    salon.servers(0).await;
    salon.worker_says(|worker| worker.residents.is_empty()).await;
    assert!(!salon.hear("smoke", short()).await.words().is_empty());
    assert_ne!(salon.servers(1).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_works_stays_however_long_that_takes() {
    let mut salon = Salon::open(&[("ATELIER_TEXT_IDLE_S", "1")]).await;
    let id = salon.ask("smoke", long_chat()).await;
    let answer = salon.answer(id).await;
    assert!(matches!(answer.events.last(), Some(TextEvent::End { .. })), "{:?}", answer.events.last());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_models_that_do_not_fit_together_take_turns_and_say_why_they_wait() {
    let folder = tempfile::tempdir().unwrap();
    testkit::tiny_models::write_llm(&folder.path().join("models")).unwrap();
    let mut salon = Salon::open_in(folder, &[("ATELIER_MEMORY_MIB", "100")]).await;
    for name in ["one", "two"] {
        salon.add_model(name, &json!({ "context": 4096, "parallel": 1, "mmproj": "" }));
    }
    let first = salon.ask("one", long_chat()).await;
    salon.speaking(first).await;
    let second = salon.ask("two", short()).await;
    salon.heard_of(second, |events| events.iter().any(|event| matches!(event, TextEvent::Waiting { .. }))).await;
    let answered = salon.answer(first).await;
    assert!(matches!(answered.events.last(), Some(TextEvent::End { .. })), "{:?}", answered.events.last());
    let answered = salon.answer(second).await;
    assert!(!answered.words().is_empty());
    let reasons = answered.reasons();
    assert!(reasons.iter().any(|reason| reason.contains("two needs") && reason.contains("one holds")), "{reasons:?}");
    assert_eq!(salon.servers(1).await.len(), 1);
    // And back again.
    assert!(!salon.hear("one", short()).await.words().is_empty());
    assert_eq!(salon.servers(1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_leaves_its_memory_to_a_picture_when_it_is_done_and_comes_back_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    testkit::tiny_models::write_llm(&folder.path().join("models")).unwrap();
    let mut salon = Salon::open_in(folder, &[("ATELIER_MEMORY_MIB", "100")]).await;
    salon.add_model("one", &json!({ "context": 8192, "parallel": 1, "mmproj": "" }));
    let under_way = salon.ask("one", long_chat()).await;
    salon.speaking(under_way).await;

    let device = Device { name: worker::device_name("cpu", "cpu"), total_mib: 100, comfortable_mib: 100 };
    let ledger = salon.queue.open_ledger(&device, "painter", Duration::from_millis(500)).unwrap();
    let picture = Want { model: "picture".to_owned(), mib: 90, load: Duration::ZERO, is_pinned: false };
    let reserving = timeout(PATIENCE, ledger.reserve(&picture, |_| {}));
    let (whole, reserved) = tokio::join!(salon.answer(under_way), reserving);
    assert!(whole.words().len() > 1000, "it was broken off: {:?}", whole.events.last());
    let holding = reserved.expect("the model leaves").unwrap();
    holding.busy();
    salon.servers(0).await;

    let waiting = salon.ask("one", short()).await;
    let says_why =
        |event: &TextEvent| matches!(event, TextEvent::Waiting { reason } if reason.contains("picture holds 90 MiB"));
    salon.heard_of(waiting, |events| events.iter().any(says_why)).await;
    drop(holding);
    assert!(!salon.answer(waiting).await.words().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn when_memory_runs_out_with_a_model_idle_ones_of_other_workers_leave_before_it_comes_up_with_less() {
    let folder = tempfile::tempdir().unwrap();
    testkit::tiny_models::write_llm(&folder.path().join("models")).unwrap();
    let (wrapper, roomy) = (folder.path().join("llama-server-under-a-limit"), folder.path().join("roomy"));
    // It says its version at the start of the worker, and has room for that.
    let limit = format!("case \"$*\" in *--model*) [ -e '{}' ] || ulimit -S -v {LITTLE_KIB};; esac", roomy.display());
    fs::write(&wrapper, format!("#!/bin/sh\n{limit}\nexec '{}' \"$@\"\n", program().display())).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let settings = [("ATELIER_LLAMA_SERVER", wrapper.to_str().unwrap()), ("ATELIER_MEMORY_MIB", "100000")];
    let mut salon = Salon::open_in(folder, &settings).await;
    let device = Device { name: worker::device_name("cpu", "cpu"), total_mib: 100_000, comfortable_mib: 100_000 };
    let ledger = salon.queue.open_ledger(&device, "painter", Duration::from_millis(500)).unwrap();
    let picture = Want { model: "picture".to_owned(), mib: 90, load: Duration::ZERO, is_pinned: false };
    let holding = timeout(PATIENCE, ledger.reserve(&picture, |_| {})).await.unwrap().unwrap();
    holding.idle(90);
    let leaving = async {
        assert!(ledger.must_leave().await.contains("picture"));
        fs::write(&roomy, "").unwrap();
        drop(holding);
    };
    let (answer, left) = tokio::join!(salon.hear("smoke", short()), timeout(PATIENCE, leaving));
    left.expect("the other model is asked to leave");
    assert!(!answer.words().is_empty());
    assert!(!answer.reasons().iter().any(|reason| reason.contains("died")), "{:?}", answer.reasons());
    let said = salon.worker_says(|worker| worker.last_problem.is_some()).await;
    assert!(said.last_problem.unwrap().starts_with("smoke: llama-server"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_driver_of_a_card_measures_is_shown_with_what_other_programs_use() {
    let folder = tempfile::tempdir().unwrap();
    testkit::tiny_models::write_llm(&folder.path().join("models")).unwrap();
    let card = Card { name: "NVIDIA Test 24", total_mib: 24_000, used_mib: 10_500, process: (1, 9000) };
    testkit::driver::build(folder.path(), card).unwrap();
    let libraries = folder.path().to_str().unwrap().to_owned();
    let salon = Salon::open_in(folder, &[("LD_LIBRARY_PATH", &libraries), ("ATELIER_DEVICE", "cuda:0")]).await;
    let looking = async {
        loop {
            let found = salon.queue.memory().await.unwrap().pop().filter(|device| device.measured.is_some());
            if let Some(device) = found {
                return device;
            }
        }
    };
    let device = timeout(PATIENCE, looking).await.expect("the card is measured");
    assert!(device.device.ends_with(":cuda:0"), "{device:?}");
    assert_eq!((device.total_mib, device.comfortable_mib), (24_000, 18_000));
    let measured = device.measured.as_ref().unwrap();
    assert_eq!((measured.name.as_str(), measured.used_mib), ("NVIDIA Test 24", 10_500));
    assert_eq!((device.others_mib, device.workers.len()), (Some(10_500), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_without_a_driver_has_the_memory_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    testkit::tiny_models::write_llm(&folder.path().join("models")).unwrap();
    // It is there, and is no driver.
    fs::write(folder.path().join("libnvidia-ml.so.1"), "").unwrap();
    let libraries = folder.path().to_str().unwrap().to_owned();
    let salon = Salon::open_in(folder, &[("LD_LIBRARY_PATH", &libraries), ("ATELIER_DEVICE", "cuda:0")]).await;
    let looking = async {
        loop {
            if let Some(device) = salon.queue.memory().await.unwrap().pop() {
                return device;
            }
        }
    };
    let device = timeout(PATIENCE, looking).await.expect("the worker opens its ledger");
    let of_machine = worker::measure("cpu").unwrap();
    assert_eq!((device.total_mib, device.measured), (of_machine.total_mib, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_too_large_for_one_device_answers_on_a_larger_one() {
    let mut salon =
        Salon::open(&[("ATELIER_DEVICE", "cpu:0"), ("ATELIER_MEMORY_MIB", "1"), ("ATELIER_TEXT_IDLE_S", "1")]).await;
    let small = salon.worker_says(|worker| worker.memory_mib == Some(1)).await;
    // As long as nobody has more it is tried: an estimate may be wrong.
    assert!(!salon.hear("smoke", short()).await.words().is_empty());
    salon.servers(0).await;

    // One that has more is there, and busy: the request waits for it.
    let larger = Worker { name: "larger".to_owned(), memory_mib: Some(2), ..small };
    salon.queue.announce_worker(&larger, PATIENCE).await.unwrap();
    let id = salon.ask("smoke", short()).await;
    // The name of its lane says so: it is longer than that of the lane of all.
    let usual = "{atelier}:lane:llm:0:0123456789abcdef".len();
    let waits = async || {
        let letters = salon.valkey.ask(&format!("HSTRLEN {{atelier}}:job:{id} lane")).unwrap();
        (letters[1..].parse::<usize>().unwrap() > usual).then_some(())
    };
    until("the request to wait for a larger worker", waits).await;
    let more = [("ATELIER_DEVICE", "cpu:1"), ("ATELIER_MEMORY_MIB", "1000")];
    let _second = start(salon.folder.path(), &salon.valkey.url(), &more);
    assert!(!salon.answer(id).await.words().is_empty());
}
