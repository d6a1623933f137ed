//! Which workers are alive.

use std::time::Duration;

use contract::worker::{Worker, WorkerState};

use crate::ground::{Ground, idle, within};

fn worker(name: &str) -> Worker {
    Worker { resident_models: vec!["tiny".to_owned()], ..idle(name) }
}

#[tokio::test]
async fn workers_are_listed_until_they_stop_or_fall_silent() {
    let ground = Ground::new().await;
    assert_eq!(ground.queue.workers().await.unwrap(), []);
    for name in ["b", "a", "silent"] {
        let lapse = Duration::from_millis(if name == "silent" { 1 } else { 60_000 });
        ground.queue.announce_worker(&worker(name), lapse).await.unwrap();
    }
    within(async { while ground.queue.workers().await.unwrap().len() > 2 {} }).await;
    assert_eq!(ground.queue.workers().await.unwrap(), [worker("a"), worker("b")]);
    ground.queue.retire_worker("a").await.unwrap();
    assert_eq!(ground.queue.workers().await.unwrap(), [worker("b")]);
    let known: usize = redis::cmd("SCARD").arg("{test}:workers").query_async(&mut ground.raw().await).await.unwrap();
    assert_eq!(known, 1, "the silent one is remembered for ever");
}

#[tokio::test]
async fn an_announcement_can_change() {
    let ground = Ground::new().await;
    let mut changed = worker("a");
    ground.queue.announce_worker(&changed, Duration::from_secs(60)).await.unwrap();
    changed.state = WorkerState::Broken;
    changed.last_problem = Some("no GPU".to_owned());
    ground.queue.announce_worker(&changed, Duration::from_secs(60)).await.unwrap();
    assert_eq!(ground.queue.workers().await.unwrap(), [changed]);
}
