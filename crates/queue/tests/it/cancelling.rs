//! Jobs that somebody no longer wants.

use contract::JobId;
use queue::{Accepted, Cancelled, Outcome, Publication};

use crate::ground::{Ground, KIND, SHORT, failure, publication, result, take, within};

#[tokio::test]
async fn a_waiting_job_is_cancelled_at_once() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    assert_eq!(ground.queue.cancel(id).await.unwrap(), Cancelled::Cancelled);
    let finished = ground.finished().await;
    assert_eq!((finished[0].job_id, finished[0].outcome, finished[0].attempts), (id, Outcome::Cancelled, 0));
    assert_eq!(ground.queue.cancel(id).await.unwrap(), Cancelled::Finished);
    assert_eq!(ground.queue.depth(KIND).await.unwrap(), queue::Depth::default());
}

#[tokio::test]
async fn a_job_that_the_queue_does_not_know_is_absent() {
    let ground = Ground::new().await;
    assert_eq!(ground.queue.cancel(JobId::new()).await.unwrap(), Cancelled::Absent);
}

#[tokio::test]
async fn the_holder_of_a_running_job_hears_at_once() {
    let ground = Ground::new().await;
    // With a lease of a minute the next beat is 12 seconds away: only the control channel is this quick.
    let mut consumer = ground.consumer("w1").await;
    let id = ground.publish_new().await;
    let lease = take(&mut consumer).await;
    assert_eq!(ground.queue.cancel(id).await.unwrap(), Cancelled::Requested);
    tokio::time::timeout(std::time::Duration::from_secs(5), lease.cancelled().cancelled()).await.unwrap();
    assert_eq!(lease.cancel().await.unwrap(), Accepted::Yes);
    assert_eq!(ground.finished().await[0].outcome, Outcome::Cancelled);
}

#[tokio::test]
async fn the_holder_hears_with_its_beat_when_the_control_channel_is_deaf() {
    let ground = Ground::new().await;
    let mut consumer = ground.queue.consumer(KIND, "w1", SHORT).await.unwrap();
    let id = ground.publish_new().await;
    let lease = take(&mut consumer).await;
    // The request comes without a word on the channel.
    let key = format!("{{test}}:job:{id}");
    redis::cmd("HSET").arg(key).arg("cancel").arg("1").exec_async(&mut ground.raw().await).await.unwrap();
    within(lease.cancelled().cancelled()).await;
}

#[tokio::test]
async fn the_control_channel_comes_back_after_it_was_cut() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let id = ground.publish_new().await;
    let lease = take(&mut consumer).await;
    ground.valkey.ask("CLIENT KILL TYPE pubsub").unwrap();
    within(async {
        while !lease.cancelled().is_cancelled() {
            ground.queue.cancel(id).await.unwrap();
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_job_that_was_cancelled_before_its_publication_is_never_handed_out() {
    let ground = Ground::new().await;
    let cancelled = ground.publish(&Publication { cancel_requested: true, ..publication() }).await;
    let wanted = ground.publish_new().await;
    assert_eq!(take(&mut ground.consumer("w1").await).await.job.id, wanted);
    let finished = ground.finished().await;
    assert_eq!((finished[0].job_id, finished[0].outcome), (cancelled, Outcome::Cancelled));
}

#[tokio::test]
async fn a_cancelled_job_that_is_released_ends_instead_of_waiting() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let id = ground.publish_new().await;
    let lease = take(&mut consumer).await;
    ground.queue.cancel(id).await.unwrap();
    assert_eq!(lease.release().await.unwrap(), Accepted::Yes);
    assert_eq!(ground.finished().await[0].outcome, Outcome::Cancelled);
    assert_eq!(ground.queue.depth(KIND).await.unwrap(), queue::Depth::default());
}

#[tokio::test]
async fn a_job_that_ended_before_the_cancel_keeps_its_end() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    for outcome in [Outcome::Succeeded, Outcome::Retry] {
        let id = ground.publish_new().await;
        let lease = take(&mut consumer).await;
        let accepted = match outcome {
            Outcome::Succeeded => lease.succeed(&result()).await.unwrap(),
            _ => lease.fail(outcome, &failure()).await.unwrap(),
        };
        assert_eq!(accepted, Accepted::Yes);
        assert_eq!(ground.queue.cancel(id).await.unwrap(), Cancelled::Finished);
    }
    let outcomes: Vec<_> = ground.finished().await.iter().map(|done| done.outcome).collect();
    assert_eq!(outcomes, [Outcome::Succeeded, Outcome::Retry]);
}
