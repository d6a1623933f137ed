//! Workers that fall silent, and those who take their jobs over.

use queue::{Accepted, Affinity, Outcome, Publication};
use tokio_util::sync::CancellationToken;

use crate::ground::{Ground, KIND, LONG, SHORT, publication, publication_of, result, take, within};

#[tokio::test]
async fn the_job_of_a_silent_worker_goes_to_another() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    let mut first = ground.queue.consumer(KIND, "first", SHORT).await.unwrap();
    let mut second = ground.another().await.consumer(KIND, "second", SHORT).await.unwrap();
    drop(take(&mut first).await);
    let lease = take(&mut second).await;
    assert_eq!((lease.job.id, lease.attempt), (id, 2));
    assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
}

#[tokio::test]
async fn a_worker_whose_heart_beats_keeps_its_job() {
    let ground = Ground::new().await;
    ground.publish_new().await;
    // Longer than a busy machine keeps a thread waiting.
    let lease_time = 2 * SHORT;
    let mut first = ground.queue.consumer(KIND, "first", lease_time).await.unwrap();
    let mut second = ground.another().await.consumer(KIND, "second", lease_time).await.unwrap();
    let lease = take(&mut first).await;
    let (affinity, stop) = (Affinity::default(), CancellationToken::new());
    let patience = tokio::time::timeout(3 * lease_time, second.next(&affinity, &stop)).await;
    assert!(patience.is_err(), "the job was taken from a living worker");
    assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
}

#[tokio::test]
async fn the_first_holder_hears_that_its_job_is_lost() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    let mut first = ground.queue.consumer(KIND, "first", SHORT).await.unwrap();
    let mut second = ground.another().await.consumer(KIND, "second", SHORT).await.unwrap();
    let zombie = take(&mut first).await;
    let lost = zombie.lost();
    // Its beats would win against one expiry, so it is made to look silent until the other has it.
    let winner = tokio::select! {
        winner = take(&mut second) => winner,
        _ = async { loop { ground.expire(id).await } } => unreachable!(),
    };
    within(lost.cancelled()).await;
    assert_ne!(zombie.token(), winner.token());
    assert_eq!(zombie.succeed(&result()).await.unwrap(), Accepted::Lost);
    assert_eq!(winner.succeed(&result()).await.unwrap(), Accepted::Yes);
}

#[tokio::test]
async fn nobody_takes_over_in_the_first_lease_after_connecting() {
    let ground = Ground::new().await;
    let mut first = ground.consumer("first").await;
    let silent = ground.publish_new().await;
    drop(take(&mut first).await);
    ground.expire(silent).await;
    let fresh = ground.publish_new().await;
    let mut second = ground.another().await.consumer(KIND, "second", LONG).await.unwrap();
    // The expired one would come first.
    assert_eq!(take(&mut second).await.job.id, fresh);
}

#[tokio::test]
async fn a_job_with_a_longer_lease_is_left_alone_for_longer() {
    let ground = Ground::new().await;
    let mut first = ground.queue.consumer(KIND, "first", SHORT).await.unwrap();
    let patient = Publication { lease: std::time::Duration::from_secs(1000), ..publication() };
    let short = publication();
    ground.publish(&patient).await;
    ground.publish(&short).await;
    for _ in 0..2 {
        let lease = take(&mut first).await;
        let id = lease.job.id;
        drop(lease);
        ground.expire(id).await;
    }
    let mut second = ground.another().await.consumer(KIND, "second", SHORT).await.unwrap();
    assert_eq!(take(&mut second).await.job.id, short.job.id);
    assert_eq!(ground.field(patient.job.id, "worker").await.as_deref(), Some("first"));
}

#[tokio::test]
async fn a_job_that_ends_every_worker_is_dead_after_its_attempts() {
    let ground = Ground::new().await;
    let id = ground.publish(&Publication { max_attempts: 2, ..publication() }).await;
    let mut consumer = ground.queue.consumer(KIND, "w1", SHORT).await.unwrap();
    for attempt in 1..=2 {
        let lease = take(&mut consumer).await;
        assert_eq!((lease.job.id, lease.attempt), (id, attempt));
        drop(lease);
        ground.expire(id).await;
    }
    ground.publish_new().await;
    take(&mut consumer).await.cancel().await.map(drop).unwrap();
    let finished = within(async {
        loop {
            let finished = ground.finished().await;
            if let Some(done) = finished.into_iter().find(|done| done.job_id == id) {
                break done;
            }
            ground.queue.reap(KIND, SHORT).await.unwrap();
        }
    })
    .await;
    assert_eq!((finished.outcome, finished.attempts), (Outcome::Dead, 2));
    assert!(finished.failure.is_some(), "the end has no reason");
}

#[tokio::test]
async fn reaping_closes_only_what_nobody_may_take_over() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let worn_out = Publication { max_attempts: 1, ..publication() };
    let cancelled = publication();
    let hopeful = publication();
    let alive = Publication { max_attempts: 1, lease: LONG, ..publication() };
    let mut leases = Vec::new();
    for job in [&worn_out, &cancelled, &hopeful, &alive] {
        ground.publish(job).await;
        leases.push(take(&mut consumer).await);
    }
    ground.queue.cancel(cancelled.job.id).await.unwrap();
    for job in [&worn_out, &cancelled, &hopeful] {
        ground.expire(job.job.id).await;
    }
    ground.queue.reap(KIND, std::time::Duration::from_millis(1)).await.unwrap();
    let mut ends: Vec<_> = ground.finished().await.iter().map(|done| (done.job_id, done.outcome)).collect();
    ends.sort_unstable_by_key(|(id, _)| *id);
    let mut expected = vec![(worn_out.job.id, Outcome::Dead), (cancelled.job.id, Outcome::Cancelled)];
    expected.sort_unstable_by_key(|(id, _)| *id);
    assert_eq!(ends, expected);
    assert_eq!(ground.queue.depth(KIND).await.unwrap().running, 2);
}

#[tokio::test]
async fn reaping_waits_until_the_connection_was_well_for_a_whole_lease() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let id = ground.publish(&Publication { max_attempts: 1, ..publication() }).await;
    drop(take(&mut consumer).await);
    ground.expire(id).await;
    let fresh = ground.another().await;
    fresh.reap(KIND, LONG).await.unwrap();
    assert_eq!(ground.finished().await, []);
}

#[tokio::test]
async fn an_interrupted_hand_over_is_given_back_and_costs_no_attempt() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    let mut raw = ground.raw().await;
    // The worker asked, and the answer never arrived.
    let mut lease = redis::cmd("FCALL");
    lease.arg("atelier_v1_lease").arg(3).arg("{test}:lanes:sd").arg("{test}:done").arg("{test}:ev");
    lease.arg("w1").arg("unheard").arg(0).arg(0).arg(1).arg(0);
    lease.exec_async(&mut raw).await.unwrap();
    assert_eq!(ground.queue.depth(KIND).await.unwrap().running, 1);
    let mut recover = redis::cmd("FCALL");
    recover.arg("atelier_v1_recover").arg(3).arg("{test}:lanes:sd").arg("{test}:ev").arg("{test}:wake:sd");
    let recovered: u32 = recover.arg("w1").arg("another").query_async(&mut raw).await.unwrap();
    assert_eq!(recovered, 1);
    let lease = take(&mut ground.consumer("w2").await).await;
    assert_eq!((lease.job.id, lease.attempt), (id, 1));
    assert_eq!(ground.queue.publish(&[publication_of(id)]).await.unwrap(), [false]);
}
