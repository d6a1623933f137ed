//! Valkey goes, and comes back with all, some or none of its data.

use queue::{Accepted, Affinity, Error, Queue};
use testkit::valkey::TestValkey;
use tokio_util::sync::CancellationToken;

use crate::ground::{Ground, KIND, LONG, PREFIX, SHORT, progress, publication_of, result, take, within};

#[tokio::test]
async fn a_waiting_worker_goes_on_after_a_crash_of_valkey() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let waiting = tokio::spawn(async move { take(&mut consumer).await.job.id });
    ground.valkey.kill9_when_written().unwrap();
    ground.valkey.restart().unwrap();
    // The first command after the crash finds a dead connection.
    within(async { while ground.queue.ping().await.is_err() {} }).await;
    let id = ground.publish_new().await;
    assert_eq!(within(waiting).await.unwrap(), id);
}

#[tokio::test]
async fn a_job_that_ends_while_valkey_is_away_is_accepted_when_it_is_back() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let id = ground.publish_new().await;
    let lease = take(&mut consumer).await;
    ground.valkey.kill9_when_written().unwrap();
    let ending = tokio::spawn(async move { lease.succeed(&result()).await.unwrap() });
    // Not before it has tried in vain once: the shared connection is then known to be dead.
    within(async { while ground.queue.ping().await.is_ok() {} }).await;
    ground.valkey.restart().unwrap();
    assert_eq!(within(ending).await.unwrap(), Accepted::Yes);
    assert_eq!(ground.finished().await[0].job_id, id);
}

#[tokio::test]
async fn the_functions_survive_a_crash() {
    let ground = Ground::new().await;
    ground.valkey.kill9_when_written().unwrap();
    ground.valkey.restart().unwrap();
    let fresh = ground.another().await;
    assert_eq!(fresh.depth(KIND).await.unwrap(), queue::Depth::default());
}

#[tokio::test]
async fn a_heart_beats_again_after_a_crash() {
    let ground = Ground::new().await;
    let mut consumer = ground.queue.consumer(KIND, "w1", SHORT).await.unwrap();
    let id = ground.publish_new().await;
    let lease = take(&mut consumer).await;
    ground.valkey.kill9_when_written().unwrap();
    lease.report(progress(3));
    ground.valkey.restart().unwrap();
    within(async { while ground.field(id, "progress").await.is_none() {} }).await;
    assert!(!lease.lost().is_cancelled());
    assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
}

#[tokio::test]
async fn when_all_data_are_lost_the_holder_hears_it_and_the_job_runs_again() {
    let ground = Ground::new().await;
    let mut consumer = ground.queue.consumer(KIND, "w1", SHORT).await.unwrap();
    let id = ground.publish_new().await;
    let before = ground.queue.run_id().await.unwrap();
    let mut reader = ground.queue.done_reader("api").await.unwrap();
    assert_eq!(reader.next(10, std::time::Duration::from_millis(1)).await.unwrap(), []);
    let lease = take(&mut consumer).await;
    ground.valkey.flush().unwrap();
    within(lease.lost().cancelled()).await;
    assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Lost);
    assert_ne!(ground.queue.run_id().await.unwrap(), before, "the API would not reconcile");
    assert_eq!(ground.queue.generations(&[id]).await.unwrap(), [None]);
    ground.publish(&queue::Publication { generation: 2, ..publication_of(id) }).await;
    assert_eq!(take(&mut consumer).await.succeed(&result()).await.unwrap(), Accepted::Yes);
    // The group of the done stream went with the data; what workers finish meanwhile is not lost.
    let done = within(async {
        loop {
            let done = reader.next(10, SHORT).await.unwrap();
            if !done.is_empty() {
                break done;
            }
        }
    })
    .await;
    assert_eq!(done.iter().map(|done| (done.job_id, done.generation)).collect::<Vec<_>>(), [(id, 2)]);
}

#[tokio::test]
async fn a_worker_waits_for_the_api_when_the_functions_are_lost() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    ground.valkey.flush().unwrap();
    ground.valkey.flush_functions().unwrap();
    let error = ground.queue.publish(&[crate::ground::publication()]).await.unwrap_err();
    assert!(error.is_outage() && error.to_string().contains("the API loads them"), "{error}");
    let (affinity, stop) = (Affinity::default(), CancellationToken::new());
    let patience = tokio::time::timeout(SHORT, consumer.next(&affinity, &stop)).await;
    assert!(patience.is_err(), "the worker gave up");
    ground.prepare().await;
    let id = ground.publish_new().await;
    assert_eq!(take(&mut consumer).await.job.id, id);
}

#[tokio::test]
async fn the_name_of_the_server_changes_when_it_restarts() {
    let ground = Ground::new().await;
    let before = ground.queue.run_id().await.unwrap();
    assert_eq!(ground.queue.run_id().await.unwrap(), before);
    ground.valkey.stop().unwrap();
    ground.valkey.restart().unwrap();
    assert_ne!(ground.another().await.run_id().await.unwrap(), before);
}

#[tokio::test]
async fn another_layout_is_refused_in_words() {
    let ground = Ground::new().await;
    let other = "#!lua name=atelier_v0\nredis.register_function('atelier_v0_x', function() return 1 end)";
    let mut load = redis::cmd("FUNCTION");
    load.arg("LOAD").arg(other).exec_async(&mut ground.raw().await).await.unwrap();
    let error = ground.queue.prepare().await.unwrap_err();
    assert!(matches!(error, Error::OtherLayout { .. }), "{error}");
    assert!(error.to_string().contains("FUNCTION DELETE atelier_v0"), "{error}");
}

#[tokio::test]
async fn preparing_twice_changes_nothing() {
    let ground = Ground::new().await;
    let id = ground.publish_new().await;
    ground.queue.prepare().await.unwrap();
    assert_eq!(ground.queue.generations(&[id]).await.unwrap(), [Some(1)]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let valkey = TestValkey::start().unwrap();
    valkey.stop().unwrap();
    let error = Queue::connect(&valkey.url_as("worker", "s3cret"), PREFIX).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(!error.to_string().contains("s3cret"), "{error}");
    assert!(error.to_string().contains("ATELIER_VALKEY_URL"), "{error}");
    let error = Queue::connect("http://somewhere", PREFIX).await.unwrap_err();
    assert!(matches!(error, Error::Address { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_let_us_in_is_told_apart_from_one_that_is_not_there() {
    let valkey = TestValkey::start_with(&["--requirepass", "s3cret"]).unwrap();
    for url in [valkey.url(), valkey.url_as("default", "wrong")] {
        let error = Queue::connect(&url, PREFIX).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }) && !error.is_outage(), "{error}");
        assert!(error.to_string().contains("password"), "{error}");
    }
    Queue::connect(&valkey.url_as("default", "s3cret"), PREFIX).await.unwrap();
}

#[tokio::test]
async fn a_halted_server_is_waited_for() {
    let ground = Ground::new().await;
    let mut consumer = ground.queue.consumer(KIND, "w1", LONG).await.unwrap();
    ground.publish_new().await;
    let lease = take(&mut consumer).await;
    ground.valkey.sigstop().unwrap();
    let mut ending = tokio::spawn(async move { lease.succeed(&result()).await.unwrap() });
    assert!(tokio::time::timeout(SHORT, &mut ending).await.is_err(), "a halted server answered");
    ground.valkey.sigcont().unwrap();
    assert_eq!(within(ending).await.unwrap(), Accepted::Yes);
}
