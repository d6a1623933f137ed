//! Many answers at once.

use std::time::{Duration, Instant};

use contract::{spec::WorkerKind, text::TextEvent};
use serde_json::json;

use crate::salon::{Salon, chat, long_chat};

#[tokio::test(flavor = "multi_thread")]
async fn as_many_answers_are_under_way_as_there_are_slots_and_the_rest_waits() {
    let mut salon = Salon::open(&[("ATELIER_TEXT_SLOTS", "3")]).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(salon.ask("smoke", long_chat()).await);
    }
    for id in &ids {
        salon.speaking(*id).await;
    }
    let fourth = salon.ask("smoke", chat("hello", json!({ "sampling": { "max_tokens": 3 } }))).await;
    salon.queue.cancel(ids[0]).await.unwrap();
    let words = salon.answer(fourth).await.words();
    assert!(!words.is_empty());
    // The others were under way all the while, and are whole.
    for id in &ids[1..] {
        let answer = salon.answer(*id).await;
        assert!(answer.words().len() > 1000);
    }
    assert_eq!(salon.servers(1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_model_does_not_keep_another_from_answering() {
    let mut salon = Salon::open(&[("ATELIER_TEXT_SLOTS", "1")]).await;
    salon.add_model("second", &json!({}));
    let first = salon.ask("smoke", long_chat()).await;
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
    let begun = Instant::now();
    let mut ids = Vec::new();
    for seed in 0..100 {
        ids.push(salon.ask("smoke", chat("hello", json!({ "sampling": { "seed": seed, "max_tokens": 20 } }))).await);
    }
    for id in ids {
        let answer = salon.answer(id).await;
        assert!(matches!(answer.events.last(), Some(TextEvent::End { .. })));
    }
    println!("100 answers in {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(50));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_word_is_there_soon() {
    let mut salon = Salon::open(&[]).await;
    let request = || chat("hello", json!({ "sampling": { "max_tokens": 4 } }));
    salon.hear("smoke", request()).await;
    let mut waits = Vec::new();
    for _ in 0..50 {
        let begun = Instant::now();
        let id = salon.ask("smoke", request()).await;
        salon.speaking(id).await;
        waits.push(begun.elapsed());
        salon.answer(id).await;
    }
    waits.sort();
    println!("the first word after {:?} in the middle, {:?} at most", waits[25], waits[49]);
    assert!(waits[25] < Duration::from_millis(500), "{waits:?}");
}
