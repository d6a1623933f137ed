//! Jobs that end before their answer is whole.

use contract::spec::WorkerKind;
use queue::text::TextEnd;
use serde_json::json;
use testkit::wait::until_true;

use crate::salon::{Salon, chat, endless_chat};

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_answer_stops_at_once_and_its_slot_is_free() {
    let mut salon = Salon::open(&[("ATELIER_TEXT_SLOTS", "1")]).await;
    let id = salon.ask("smoke", endless_chat()).await;
    salon.speaking(id).await;
    salon.queue.cancel(id).await.unwrap();
    assert_eq!(salon.end(id).await, TextEnd::Cancelled);
    let next = salon.hear("smoke", chat("hello", json!({ "sampling": { "max_tokens": 3 } }))).await;
    assert!(!next.words().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_listens_to_is_given_up() {
    let mut salon = Salon::open(&[("ATELIER_TEXT_SLOTS", "1")]).await;
    let mut job = salon.text_job("smoke", endless_chat());
    job.reply_to = "nobody".to_owned();
    salon.publish(&job).await;
    until_true("the end of the job", async || {
        let depth = salon.queue.depth(WorkerKind::Llm).await.unwrap();
        depth.running == 0 && depth.queued == 0
    })
    .await;
    let free = salon.hear("smoke", chat("hello", json!({ "sampling": { "max_tokens": 1 } }))).await;
    assert!(free.frames > 0);
}
