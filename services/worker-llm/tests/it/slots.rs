//! Many answers at once.

use contract::{spec::WorkerKind, text::TextEvent};
use serde_json::json;

use crate::salon::{Salon, chat, endless_chat, long_chat};

#[tokio::test(flavor = "multi_thread")]
async fn as_many_answers_are_under_way_as_there_are_slots_and_the_rest_waits() {
    let mut salon = Salon::open(&[("ATELIER_TEXT_SLOTS", "3")]).await;
    salon.add_model("second", &json!({}));
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(salon.ask("smoke", long_chat()).await);
    }
    for id in &ids {
        salon.speaking(*id).await;
    }
    let fourth = salon.ask("smoke", chat("hello", json!({ "sampling": { "max_tokens": 3 } }))).await;
    // Whoever comes later has an answer first, so the worker has had the time to take the fourth.
    salon.hear("second", chat("hello", json!({ "sampling": { "max_tokens": 3 } }))).await;
    let running = salon.queue.depth(WorkerKind::Llm).await.unwrap().running;
    assert!(running <= 3, "{running} answers are under way");
    salon.queue.cancel(ids[0]).await.unwrap();
    let words = salon.answer(fourth).await.words();
    assert!(!words.is_empty());
    // The others were under way all the while, and are whole.
    for id in &ids[1..] {
        let answer = salon.answer(*id).await;
        assert!(answer.words().len() > 1000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_model_does_not_keep_another_from_answering() {
    let mut salon = Salon::open(&[("ATELIER_TEXT_SLOTS", "1")]).await;
    salon.add_model("second", &json!({}));
    let first = salon.ask("smoke", endless_chat()).await;
    salon.speaking(first).await;
    let waiting = salon.ask("smoke", chat("hello", json!({ "sampling": { "max_tokens": 3 } }))).await;
    let other = salon.hear("second", chat("hello", json!({ "sampling": { "max_tokens": 3 } }))).await;
    assert!(!other.words().is_empty());
    assert_eq!(salon.servers(2).await.len(), 2);
    // It waits in its lane, where another worker could take it.
    let depth = salon.queue.depth(WorkerKind::Llm).await.unwrap();
    assert_eq!((depth.queued, depth.running), (1, 1));
    salon.queue.cancel(first).await.unwrap();
    assert!(!salon.answer(waiting).await.words().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_short_answers_are_all_whole() {
    let mut salon = Salon::open(&[("ATELIER_TEXT_SLOTS", "8")]).await;
    let mut ids = Vec::new();
    for seed in 0..100 {
        ids.push(salon.ask("smoke", chat("hello", json!({ "sampling": { "seed": seed, "max_tokens": 20 } }))).await);
    }
    for id in ids {
        let answer = salon.answer(id).await;
        assert!(matches!(answer.events.last(), Some(TextEvent::End { .. })));
    }
}
