//! What watchers see.

use std::time::Duration;

use contract::event::JobChange;
use queue::{Accepted, Outcome};

use crate::ground::{Ground, KIND, SHORT, failure, name, progress, publication, result, take, within};

#[tokio::test]
async fn a_whole_life_is_told_in_order_and_its_end_only_by_the_api() {
    let ground = Ground::new().await;
    let mut consumer = ground.queue.consumer(KIND, "w \"1\"", SHORT).await.unwrap();
    let id = ground.publish_new().await;
    assert_eq!(take(&mut consumer).await.release().await.unwrap(), Accepted::Yes);
    let lease = take(&mut consumer).await;
    lease.report(progress(1));
    within(async { while ground.events().await.len() < 4 {} }).await;
    ground.queue.cancel(id).await.unwrap();
    ground.queue.cancel(id).await.unwrap();
    assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
    let events = ground.events().await;
    let names: Vec<_> = events.iter().map(|event| name(&event.change)).collect();
    assert_eq!(names, ["running", "queued", "running", "progress", "cancel_requested"]);
    assert!(events.iter().all(|event| event.job_id == id));
    assert_eq!(events[0].change, JobChange::Running { worker: "w \"1\"".to_owned(), attempt: 1 });
    assert_eq!(events[3].change, JobChange::Progress(progress(1)));
    assert!(events.is_sorted_by_key(|event| event.at));
    assert!(events[0].at.year() > 2020, "{}", events[0].at);
}

#[tokio::test]
async fn a_reader_hears_what_is_announced_after_it_came() {
    let ground = Ground::new().await;
    let job = publication().job.id;
    ground.queue.announce(job, &JobChange::Queued).await.unwrap();
    let mut reader = ground.queue.event_reader(ground.queue.last_event_id().await.unwrap()).await.unwrap();
    let succeeded = JobChange::Succeeded { result: result() };
    let changes = [succeeded, JobChange::Failed { failure: failure() }, JobChange::Cancelled];
    let all: Vec<_> = changes.iter().map(|change| (job, change)).collect();
    ground.queue.announce_all(&all).await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 3 {
        heard.extend(within(reader.next(Duration::from_secs(5))).await.unwrap());
    }
    assert_eq!(heard.iter().map(|event| event.change.clone()).collect::<Vec<_>>(), changes);
    assert_eq!(reader.next(Duration::from_millis(1)).await.unwrap(), []);
    assert_eq!(ground.queue.last_event_id().await.unwrap(), heard[2].id);
}

#[tokio::test]
async fn events_can_be_replayed_from_any_of_them() {
    let ground = Ground::new().await;
    assert_eq!(ground.queue.last_event_id().await.unwrap(), "0-0");
    assert_eq!(ground.queue.first_event_id().await.unwrap(), None);
    let job = publication().job.id;
    for _ in 0..5 {
        ground.queue.announce(job, &JobChange::Queued).await.unwrap();
    }
    let all = ground.queue.events_after("0-0", 100).await.unwrap();
    assert_eq!(ground.queue.events_after(&all[1].id, 2).await.unwrap(), all[2..4]);
    assert_eq!(ground.queue.first_event_id().await.unwrap().as_ref(), Some(&all[0].id));
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_left_out() {
    let ground = Ground::new().await;
    let job = publication().job.id;
    let mut raw = ground.raw().await;
    let mut add = redis::cmd("XADD");
    add.arg("{test}:ev").arg("*").arg("id").arg(job.to_string()).arg("change").arg(r#"{"type":"reborn"}"#);
    add.exec_async(&mut raw).await.unwrap();
    ground.queue.announce(job, &JobChange::Cancelled).await.unwrap();
    assert_eq!(ground.events().await.iter().map(|event| name(&event.change)).collect::<Vec<_>>(), ["cancelled"]);
}

#[tokio::test]
async fn many_reports_become_few_events_and_the_last_is_among_them() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    ground.publish_new().await;
    let lease = take(&mut consumer).await;
    for step in 0..=1000 {
        lease.report(progress(step));
    }
    let last = JobChange::Progress(progress(1000));
    let events = within(async {
        loop {
            let events = ground.events().await;
            if events.last().is_some_and(|event| event.change == last) {
                break events;
            }
        }
    })
    .await;
    assert!(events.len() <= 5, "{} events", events.len());
}

#[tokio::test]
async fn reports_are_sent_five_times_a_second_at_most() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    ground.publish_new().await;
    let lease = take(&mut consumer).await;
    let begin = std::time::Instant::now();
    within(async {
        // One event is `running`, one is sent at once, and three wait for 200 ms each.
        for step in 0.. {
            lease.report(progress(step));
            if ground.events().await.len() >= 5 {
                break;
            }
        }
    })
    .await;
    assert!(begin.elapsed() >= Duration::from_millis(550), "after {:?}", begin.elapsed());
}

#[tokio::test]
async fn a_snapshot_tells_the_last_known_state() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let running = ground.publish_new().await;
    let lease = take(&mut consumer).await;
    let waiting = ground.publish_new().await;
    let unknown = publication().job.id;
    lease.report(progress(7));
    within(async { while ground.field(running, "progress").await.is_none() {} }).await;
    let snapshots = ground.queue.snapshots(&[running, waiting, unknown]).await.unwrap();
    let first = snapshots[0].as_ref().unwrap();
    assert_eq!((first.is_running, first.worker.as_deref(), first.attempt), (true, Some("w1"), 1));
    assert_eq!(first.progress, Some(progress(7)));
    let second = snapshots[1].as_ref().unwrap();
    assert_eq!((second.is_running, second.worker.as_deref(), second.attempt), (false, None, 0));
    assert_eq!(snapshots[2], None);

    assert_eq!(lease.fail(Outcome::Retry, &failure()).await.unwrap(), Accepted::Yes);
    let ended = ground.queue.snapshots(&[running]).await.unwrap().remove(0).unwrap();
    assert!(ended.is_running, "it looks as if it waited, before SQL knows its end");
    assert_eq!(ground.queue.snapshots(&[]).await.unwrap(), []);
}
