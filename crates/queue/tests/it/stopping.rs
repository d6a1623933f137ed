//! Consumers that stop.

use std::time::Instant;

use queue::{Accepted, Affinity};
use tokio_util::sync::CancellationToken;

use crate::ground::{Ground, KIND, take, within};

#[tokio::test]
async fn a_waiting_consumer_stops_at_once() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let waiting = tokio::spawn(async move {
        let none = consumer.next(&Affinity::default(), &stop).await.unwrap();
        (none.is_none(), Instant::now())
    });
    ground.blocked_reader().await;
    let begin = Instant::now();
    stopper.cancel();
    let (is_none, end) = within(waiting).await.unwrap();
    assert!(is_none);
    assert!(end - begin < std::time::Duration::from_millis(800), "it waited out its read: {:?}", end - begin);
}

#[tokio::test]
async fn a_job_that_is_handed_over_at_the_moment_of_the_stop_goes_back() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let id = ground.publish_new().await;
    ground.valkey.sigstop().unwrap();
    let (affinity, stop) = (Affinity::default(), CancellationToken::new());
    // The consumer has asked, the server has not answered yet, and the stop comes first.
    let (none, ()) = tokio::join!(consumer.next(&affinity, &stop), async {
        tokio::task::yield_now().await;
        stop.cancel();
        ground.valkey.sigcont().unwrap();
    });
    assert!(none.unwrap().is_none());
    assert_eq!(ground.field(id, "state").await.as_deref(), Some("queued"));
    assert_eq!(ground.field(id, "attempts").await.as_deref(), Some("0"));
}

#[tokio::test]
async fn no_job_is_lost_when_a_consumer_stops_while_it_arrives() {
    let ground = Ground::new().await;
    let mut taken = 0;
    for round in 0..40 {
        let mut consumer = ground.consumer(&format!("w{round}")).await;
        let stop = CancellationToken::new();
        let stopper = stop.clone();
        let (lease, _) = tokio::join!(async { consumer.next(&Affinity::default(), &stop).await.unwrap() }, async {
            ground.publish_new().await;
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            stopper.cancel();
        });
        if let Some(lease) = lease {
            taken += 1;
            assert_eq!(lease.release().await.unwrap(), Accepted::Yes);
        }
    }
    let depth = ground.queue.depth(KIND).await.unwrap();
    assert_eq!((depth.queued, depth.running), (40, 0), "{taken} were taken before the stop");
    let mut last = ground.consumer("last").await;
    for _ in 0..40 {
        let lease = take(&mut last).await;
        assert_eq!(lease.attempt, 1);
        assert_eq!(lease.cancel().await.unwrap(), Accepted::Yes);
    }
}
