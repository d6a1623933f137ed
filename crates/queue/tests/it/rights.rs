//! What a worker may do on the server, and what not.

use bytes::Bytes;
use queue::{Accepted, Affinity, Outcome, Queue, check::worker_acl_rules};
use tokio_util::sync::CancellationToken;

use crate::ground::{Ground, KIND, LIMIT, PREFIX, SHORT, failure, idle, progress, publication, result, take, within};

const PASSWORD: &str = "s3cret";

/// Makes the user that deployments make.
async fn as_worker(ground: &Ground) -> Queue {
    ground.valkey.ask(&format!("ACL SETUSER worker on >{PASSWORD} {}", worker_acl_rules(PREFIX))).unwrap();
    Queue::connect(&ground.valkey.url_as("worker", PASSWORD), PREFIX).await.unwrap()
}

#[tokio::test]
async fn a_worker_with_few_rights_can_do_all_its_work() {
    let ground = Ground::new().await;
    let queue = as_worker(&ground).await;
    queue.ping().await.unwrap();
    queue.announce_worker(&idle("w1"), LIMIT).await.unwrap();
    let mut consumer = queue.consumer(KIND, "w1", SHORT).await.unwrap();

    // It waits, is woken, reports, shows, is told to stop.
    let (lease, id) = tokio::join!(take(&mut consumer), ground.publish_new());
    lease.report(progress(1));
    queue.publish_preview(id, Bytes::from_static(b"frame")).await.unwrap();
    within(async { while ground.field(id, "progress").await.is_none() {} }).await;
    ground.queue.cancel(id).await.unwrap();
    within(lease.cancelled().cancelled()).await;
    assert_eq!(lease.cancel().await.unwrap(), Accepted::Yes);

    // It succeeds, fails, gives back, passes on.
    for _ in 0..3 {
        ground.publish_new().await;
    }
    assert_eq!(take(&mut consumer).await.succeed(&result()).await.unwrap(), Accepted::Yes);
    assert_eq!(take(&mut consumer).await.fail(Outcome::Crashed, &failure()).await.unwrap(), Accepted::Yes);
    assert_eq!(take(&mut consumer).await.release().await.unwrap(), Accepted::Yes);
    // It has more memory than that itself.
    assert_eq!(take(&mut consumer).await.pass_on(1).await.unwrap().unwrap(), Accepted::Yes);
    assert_eq!(take(&mut consumer).await.succeed(&result()).await.unwrap(), Accepted::Yes);

    // It takes over, closes what nobody may take over, and cleans up behind what was purged.
    let abandoned = ground.publish(&queue::Publication { max_attempts: 2, ..publication() }).await;
    for attempt in 1..=2 {
        let lease = take(&mut consumer).await;
        assert_eq!((lease.job.id, lease.attempt), (abandoned, attempt));
        drop(lease);
        ground.expire(abandoned).await;
    }
    // It stops while it waits.
    let stop = CancellationToken::new();
    let affinity = Affinity::default();
    let (none, ()) = tokio::join!(consumer.next(&affinity, &stop), async {
        within(async { while ground.finished().await.len() < 5 {} }).await;
        stop.cancel();
    });
    assert!(none.unwrap().is_none());
    queue.retire_worker("w1").await.unwrap();
    assert_eq!(ground.finished().await.len(), 5);
}

#[tokio::test]
async fn an_interrupted_hand_over_can_be_given_back_with_few_rights() {
    let ground = Ground::new().await;
    let queue = as_worker(&ground).await;
    let mut consumer = queue.consumer(KIND, "w1", SHORT).await.unwrap();
    for round in 0..10 {
        let (affinity, stop) = (Affinity::default(), CancellationToken::new());
        let limit = std::time::Duration::from_micros(200 * round);
        let (dropped, id) =
            tokio::join!(tokio::time::timeout(limit, consumer.next(&affinity, &stop)), ground.publish_new());
        let lease = match dropped {
            Ok(lease) => lease.unwrap().unwrap(),
            Err(_) => take(&mut consumer).await,
        };
        assert_eq!((lease.job.id, lease.attempt), (id, 1));
        assert_eq!(lease.cancel().await.unwrap(), Accepted::Yes);
    }
}

#[tokio::test]
async fn a_worker_can_do_nothing_else() {
    let ground = Ground::new().await;
    as_worker(&ground).await;
    let client = redis::Client::open(ground.valkey.url_as("worker", PASSWORD)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let forbidden: &[&[&str]] = &[
        &["EVAL", "return 1", "0"],
        &["SCRIPT", "LOAD", "return 1"],
        &["FUNCTION", "LOAD", "#!lua name=x\nredis.register_function('x', function() end)"],
        &["FUNCTION", "FLUSH"],
        &["FUNCTION", "LIST"],
        &["FLUSHALL"],
        &["FLUSHDB"],
        &["CONFIG", "GET", "*"],
        &["CONFIG", "SET", "dir", "/tmp"],
        &["KEYS", "*"],
        &["SCAN", "0"],
        &["ACL", "LIST"],
        &["MODULE", "LIST"],
        &["SHUTDOWN"],
        &["CLIENT", "KILL", "TYPE", "normal"],
        &["MONITOR"],
        &["REPLICAOF", "example.com", "6379"],
        &["SAVE"],
        &["HSET", "another", "field", "value"],
        &["SET", "another", "value"],
        &["PUBLISH", "another", "word"],
        &["SUBSCRIBE", "another"],
    ];
    for arguments in forbidden {
        let mut command = redis::cmd(arguments[0]);
        let refused = command.arg(&arguments[1..]).query_async::<redis::Value>(&mut connection).await.unwrap_err();
        assert_eq!(refused.code(), Some("NOPERM"), "{arguments:?}: {refused}");
    }
}
