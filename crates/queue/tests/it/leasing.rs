//! A job in the hands of a worker.

use std::time::Duration;

use contract::job::FailureCode;
use queue::{Accepted, Affinity, Outcome};
use tokio_util::sync::CancellationToken;

use crate::ground::{Ground, KIND, LONG, failure, publication, result, take, within};

#[tokio::test]
async fn a_waiting_worker_gets_a_job_as_soon_as_it_is_published() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let waiting = tokio::spawn(async move { take(&mut consumer).await.job.id });
    // Published at any moment, before or after the worker begins to wait.
    let id = ground.publish_new().await;
    assert_eq!(within(waiting).await.unwrap(), id);
}

#[tokio::test]
async fn a_waiting_worker_is_woken_and_does_not_look_from_time_to_time() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let begin = std::time::Instant::now();
    for _ in 0..20 {
        // The job comes only when the worker has looked in vain.
        let (lease, _) = tokio::join!(take(&mut consumer), async {
            ground.blocked_reader().await;
            ground.publish_new().await;
        });
        assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
    }
    // Looking once a second would take 20 seconds.
    assert!(begin.elapsed() < Duration::from_secs(8), "it took {:?}", begin.elapsed());
}

#[tokio::test]
async fn two_workers_never_get_the_same_job() {
    let ground = Ground::new().await;
    let jobs: Vec<_> = (0..40).map(|_| publication()).collect();
    let mut workers = Vec::new();
    for worker in ["w1", "w2", "w3", "w4"] {
        let mut consumer = ground.consumer(worker).await;
        workers.push(tokio::spawn(async move {
            let mut taken = Vec::new();
            for _ in 0..10 {
                let lease = take(&mut consumer).await;
                taken.push(lease.job.id);
                assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
            }
            taken
        }));
    }
    ground.queue.publish(&jobs).await.unwrap();
    let mut taken = Vec::new();
    for worker in workers {
        taken.extend(within(worker).await.unwrap());
    }
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 40);
}

#[tokio::test]
async fn one_worker_can_hold_several_jobs_at_once() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    for _ in 0..3 {
        ground.publish_new().await;
    }
    let leases = [take(&mut consumer).await, take(&mut consumer).await, take(&mut consumer).await];
    assert_eq!(ground.queue.depth(KIND).await.unwrap().running, 3);
    for lease in leases {
        assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
    }
    assert_eq!(ground.finished().await.len(), 3);
}

#[tokio::test]
async fn a_released_job_is_taken_again_without_a_lost_attempt() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let id = ground.publish_new().await;
    assert_eq!(take(&mut consumer).await.release().await.unwrap(), Accepted::Yes);
    let again = take(&mut consumer).await;
    assert_eq!((again.job.id, again.attempt), (id, 1));
}

#[tokio::test]
async fn a_job_can_end_only_once() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let id = ground.publish_new().await;
    let lease = take(&mut consumer).await;
    ground.expire(id).await;
    let mut raw = ground.raw().await;
    // Somebody else takes over in the middle: the token in the hash is no longer ours.
    let key = format!("{{test}}:job:{id}");
    redis::cmd("HSET").arg(key).arg("token").arg("another").exec_async(&mut raw).await.unwrap();
    assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Lost);
    assert_eq!(ground.finished().await, []);
}

#[tokio::test]
async fn what_was_accepted_is_accepted_again_when_the_answer_was_lost() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let id = ground.publish_new().await;
    let lease = take(&mut consumer).await;
    let mut raw = ground.raw().await;
    let mut finish = redis::cmd("FCALL");
    finish.arg("atelier_v1_finish").arg(2).arg(format!("{{test}}:job:{id}")).arg("{test}:done");
    finish.arg(id.to_string()).arg(lease.token()).arg("succeeded").arg(serde_json::to_string(&result()).unwrap());
    let accepted: bool = finish.query_async(&mut raw).await.unwrap();
    assert!(accepted);
    assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
    assert_eq!(ground.finished().await.len(), 1);
}

#[tokio::test]
async fn the_message_of_a_failure_is_cut_where_an_engine_writes_a_whole_log_into_it() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    ground.publish_new().await;
    let long = contract::job::Failure { message: "ß".repeat(1 << 20), ..failure() };
    assert_eq!(take(&mut consumer).await.fail(Outcome::Failed, &long).await.unwrap(), Accepted::Yes);
    let failure = ground.finished().await.remove(0).failure.unwrap();
    assert_eq!((failure.code, failure.message.chars().count()), (FailureCode::Engine, 4000));
}

#[tokio::test]
async fn a_job_that_cannot_be_read_is_refused_and_does_not_stop_the_lane() {
    let ground = Ground::new().await;
    let unreadable = ground.publish_new().await;
    let mut raw = ground.raw().await;
    let key = format!("{{test}}:job:{unreadable}");
    redis::cmd("HSET").arg(key).arg("job").arg(r#"{"from":"the future"}"#).exec_async(&mut raw).await.unwrap();
    let readable = ground.publish_new().await;
    assert_eq!(take(&mut ground.consumer("w1").await).await.job.id, readable);
    let finished = ground.finished().await;
    assert_eq!((finished[0].job_id, finished[0].outcome), (unreadable, Outcome::Retry));
    assert!(finished[0].failure.as_ref().unwrap().remedy.is_some());
}

#[tokio::test]
async fn a_job_whose_hand_over_was_not_heard_comes_again_and_costs_no_attempt() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let id = ground.publish_new().await;
    ground.valkey.sigstop().unwrap();
    let (affinity, stop) = (Affinity::default(), CancellationToken::new());
    // The question is on its way when the worker no longer listens; the server will answer nobody.
    let unheard = tokio::time::timeout(Duration::from_millis(300), consumer.next(&affinity, &stop)).await;
    assert!(unheard.is_err(), "a halted server answered");
    ground.valkey.sigcont().unwrap();
    let lease = take(&mut consumer).await;
    assert_eq!((lease.job.id, lease.attempt), (id, 1));
}

#[tokio::test]
async fn a_wait_that_was_dropped_loses_no_job() {
    let ground = Ground::new().await;
    let mut consumer = ground.queue.consumer(KIND, "w1", LONG).await.unwrap();
    for round in 0..20 {
        let (affinity, stop) = (Affinity::default(), CancellationToken::new());
        // Dropped before, while and after the job arrives: the publication takes about as long as the wait.
        let limit = Duration::from_micros(100 * round);
        let (dropped, id) =
            tokio::join!(tokio::time::timeout(limit, consumer.next(&affinity, &stop)), ground.publish_new());
        let lease = match dropped {
            Ok(lease) => lease.unwrap().unwrap(),
            Err(_) => take(&mut consumer).await,
        };
        assert_eq!((lease.job.id, lease.attempt), (id, 1), "round {round}");
        assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
    }
}
