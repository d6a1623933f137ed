//! Rules of the functions that programs of ours seldom or never try to break: called by hand, as a faulty one would.

use queue::{Accepted, Publication};
use redis::FromRedisValue;

use crate::ground::{Ground, KIND, progress, publication_of, result, take, within};

const LANES: &str = "{test}:lanes:sd";
const DONE: &str = "{test}:done";
const EVENTS: &str = "{test}:ev";
const WAKE: &str = "{test}:wake:sd";

async fn call<T: FromRedisValue>(ground: &Ground, function: &str, keys: &[&str], arguments: &[&str]) -> T {
    let mut call = redis::cmd("FCALL");
    call.arg(format!("atelier_v1_{function}")).arg(keys.len()).arg(keys).arg(arguments);
    call.query_async(&mut ground.raw().await).await.unwrap()
}

/// Asks for the next job as this worker, and takes over what was silent for so long; with 0 nothing at all.
async fn lease(ground: &Ground, worker: &str, silent_ms: u32) -> Option<(String, u32)> {
    let silent_ms = silent_ms.to_string();
    let answer: Option<(String, u32, u32, String)> =
        call(ground, "lease", &[LANES, DONE, EVENTS], &[worker, "a token", &silent_ms, "0", "1", "0"]).await;
    answer.map(|(id, attempt, ..)| (id, attempt))
}

/// Returns who has the entries of a lane, and for how many milliseconds they were not heard.
async fn pending(ground: &Ground, lane: &str) -> Vec<(String, u64)> {
    let mut ask = redis::cmd("XPENDING");
    ask.arg(lane).arg("w").arg("-").arg("+").arg(10);
    let pending: Vec<(String, String, u64, u64)> = ask.query_async(&mut ground.raw().await).await.unwrap();
    pending.into_iter().map(|(_, worker, idle_ms, _)| (worker, idle_ms)).collect()
}

async fn length(ground: &Ground, stream: &str) -> u64 {
    redis::cmd("XLEN").arg(stream).query_async(&mut ground.raw().await).await.unwrap()
}

#[tokio::test]
async fn only_the_holder_may_beat_and_only_while_the_job_runs() {
    let ground = Ground::new().await;
    let job_id = ground.publish_new().await;
    let lease = take(&mut ground.consumer("w1").await).await;
    let id = job_id.to_string();
    let (job, token) = (format!("{{test}}:job:{id}"), lease.token().to_owned());
    let beat = async |token: &str| -> String { call(&ground, "beat", &[&job, EVENTS], &[&id, token, "w1", ""]).await };
    assert_eq!(beat("another").await, "lost");
    assert_eq!(beat(&token).await, "ok");
    ground.queue.cancel(job_id).await.unwrap();
    assert_eq!(beat(&token).await, "cancel");
    assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
    assert_eq!(beat(&token).await, "lost");
}

#[tokio::test]
async fn a_beat_renews_the_lease() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    let lease = take(&mut ground.consumer("w1").await).await;
    ground.expire(id).await;
    let job = format!("{{test}}:job:{id}");
    let said: String = call(&ground, "beat", &[&job, EVENTS], &[&id.to_string(), lease.token(), "w1", ""]).await;
    assert_eq!(said, "ok");
    let pending = pending(&ground, &ground.field(id, "lane").await.unwrap()).await;
    assert!(pending[0].1 < 100_000, "{pending:?}");
}

#[tokio::test]
async fn only_the_holder_gives_a_job_back() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    let _lease = take(&mut ground.consumer("w1").await).await;
    let job = format!("{{test}}:job:{id}");
    let keys = [job.as_str(), DONE, EVENTS, WAKE];
    assert_eq!(call::<u32>(&ground, "release", &keys, &[&id.to_string(), "another"]).await, 0);
    assert_eq!(ground.queue.depth(KIND).await.unwrap().running, 1);
}

#[tokio::test]
async fn what_was_given_back_has_no_holder_and_no_progress() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    let lease = take(&mut ground.consumer("w1").await).await;
    lease.report(progress(7));
    within(async { while ground.field(id, "progress").await.is_none() {} }).await;
    assert_eq!(lease.release().await.unwrap(), Accepted::Yes);
    for field in ["token", "worker", "progress"] {
        assert_eq!(ground.field(id, field).await, None, "{field}");
    }
}

#[tokio::test]
async fn a_worker_that_asks_for_what_it_did_not_hear_keeps_what_it_runs() {
    let ground = Ground::new().await;
    ground.publish_new().await;
    let lease = take(&mut ground.consumer("w1").await).await;
    assert_eq!(call::<u32>(&ground, "recover", &[LANES, EVENTS, WAKE], &["w1", lease.token()]).await, 0);
    assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
}

#[tokio::test]
async fn who_takes_a_job_over_has_its_entry_and_begins_anew() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    let silent = take(&mut ground.consumer("w1").await).await;
    silent.report(progress(7));
    within(async { while ground.field(id, "progress").await.is_none() {} }).await;
    ground.expire(id).await;
    assert_eq!(lease(&ground, "w2", 100_000).await, Some((id.to_string(), 2)));
    let pending = pending(&ground, &ground.field(id, "lane").await.unwrap()).await;
    assert_eq!((pending.len(), pending[0].0.as_str()), (1, "w2"), "{pending:?}");
    assert_eq!(ground.field(id, "progress").await, None);
}

#[tokio::test]
async fn an_entry_that_its_job_does_not_know_is_taken_out_and_not_handed_over() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    let lane = ground.field(id, "lane").await.unwrap();
    let mut raw = ground.raw().await;
    redis::cmd("XADD").arg(&lane).arg("*").arg("id").arg(id.to_string()).exec_async(&mut raw).await.unwrap();
    assert_eq!(lease(&ground, "w1", 0).await, Some((id.to_string(), 1)));
    assert_eq!(lease(&ground, "w2", 0).await, None);
    assert_eq!(length(&ground, &lane).await, 1);
}

#[tokio::test]
async fn a_newer_generation_leaves_no_entry_of_the_older() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    ground.publish(&Publication { generation: 2, ..publication_of(id) }).await;
    assert_eq!(length(&ground, &ground.field(id, "lane").await.unwrap()).await, 1);
}

#[tokio::test]
async fn what_has_ended_leaves_its_lane_and_a_lane_without_entries_is_not_listed() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    assert_eq!(length(&ground, WAKE).await, 1, "nobody is woken");
    let lane = ground.field(id, "lane").await.unwrap();
    let lease = take(&mut ground.consumer("w1").await).await;
    assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
    assert_eq!((length(&ground, &lane).await, pending(&ground, &lane).await), (0, vec![]));
    assert_eq!(self::lease(&ground, "w1", 0).await, None);
    let listed: u64 = redis::cmd("ZCARD").arg(LANES).query_async(&mut ground.raw().await).await.unwrap();
    assert_eq!(listed, 0);
}
