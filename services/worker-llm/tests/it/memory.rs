//! Models that come and go.

use std::time::Duration;

use contract::text::TextEvent;
use queue::memory::{Device, Want};
use serde_json::json;
use testkit::wait::PATIENCE;
use tokio::time::timeout;

use crate::salon::{Salon, chat, long_chat};

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
