//! Jobs that end before their answer is whole.

use std::time::{Duration, Instant};

use queue::text::TextEnd;
use serde_json::json;

use crate::salon::{LIMIT, Salon, chat, long_chat};

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_answer_stops_at_once_and_its_slot_is_free() {
    let mut salon = Salon::open(&[("ATELIER_TEXT_SLOTS", "1")]).await;
    let id = salon.ask("smoke", long_chat()).await;
    salon.speaking(id).await;
    let began = Instant::now();
    salon.queue.cancel(id).await.unwrap();
    assert_eq!(salon.end(id).await, TextEnd::Cancelled);
    println!("cancelled after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let next = salon.hear("smoke", chat("hello", json!({ "sampling": { "max_tokens": 3 } }))).await;
    println!("the next answer was there after {:?}", began.elapsed());
    assert!(!next.words().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_listens_to_is_given_up() {
    let mut salon = Salon::open(&[]).await;
    let warm = salon.hear("smoke", chat("hello", json!({ "sampling": { "max_tokens": 1 } }))).await;
    assert!(warm.frames > 0);
    // Twenty long answers, four at a time, take far longer than this test waits.
    let mut request = long_chat();
    request["count"] = 20.into();
    let mut job = salon.text_job("smoke", request);
    job.reply_to = "nobody".to_owned();
    salon.publish(&job).await;
    let gone = async {
        loop {
            let depth = salon.queue.depth(contract::spec::WorkerKind::Llm).await.unwrap();
            if depth.running == 0 && depth.queued == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let began = Instant::now();
    tokio::time::timeout(LIMIT, gone).await.expect("it is given up");
    println!("given up after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let free = salon.hear("smoke", chat("hello", json!({ "sampling": { "max_tokens": 1 } }))).await;
    assert!(free.frames > 0);
}
