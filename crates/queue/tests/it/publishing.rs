//! Jobs on their way into the window, and out of it again.

use contract::JobId;
use queue::{Accepted, Error, Outcome};

use crate::ground::{Ground, KIND, failure, publication, publication_of, result, take};

#[tokio::test]
async fn a_published_job_reaches_a_worker_with_all_that_it_needs() {
    let ground = Ground::new().await;
    let mut publication = publication();
    publication.job.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    publication.attempts = 1;
    ground.publish(&publication).await;
    let lease = take(&mut ground.consumer("w1").await).await;
    assert_eq!(lease.job, publication.job);
    assert_eq!((lease.attempt, lease.max_attempts), (2, 3));
    assert_eq!(lease.token().len(), 32);
}

#[tokio::test]
async fn the_same_generation_is_published_only_once() {
    let ground = Ground::new().await;
    let mut publication = publication();
    publication.generation = 2;
    ground.publish(&publication).await;
    let older = queue::Publication { generation: 1, ..publication.clone() };
    assert_eq!(ground.queue.publish(&[publication.clone(), older]).await.unwrap(), [false, false]);
    let depth = ground.queue.depth(KIND).await.unwrap();
    assert_eq!((depth.queued, depth.running), (1, 0));
}

#[tokio::test]
async fn a_newer_generation_replaces_an_older_one_even_while_it_runs() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let id = ground.publish_new().await;
    let old = take(&mut consumer).await;
    ground.publish(&queue::Publication { generation: 2, ..publication_of(id) }).await;
    let new = take(&mut consumer).await;
    assert_eq!(new.job.id, id);
    assert_eq!(old.succeed(&result()).await.unwrap(), Accepted::Lost);
    assert_eq!(new.succeed(&result()).await.unwrap(), Accepted::Yes);
    let finished = ground.finished().await;
    assert_eq!(finished.iter().map(|done| done.generation).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn a_job_that_is_too_large_is_refused_with_its_size() {
    let ground = Ground::new().await;
    let mut publication = publication();
    publication.job.traceparent = Some("x".repeat(300 << 10));
    let error = ground.queue.publish(&[publication]).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { size_bytes, .. } if size_bytes > 300 << 10), "{error}");
}

#[tokio::test]
async fn many_jobs_are_published_in_one_call() {
    let ground = Ground::new().await;
    let publications: Vec<_> = (0..300).map(|_| publication()).collect();
    assert_eq!(ground.queue.publish(&publications).await.unwrap(), vec![true; 300]);
    assert_eq!(ground.queue.depth(KIND).await.unwrap().queued, 300);
    assert_eq!(ground.queue.open_jobs().await.unwrap().len(), 300);
}

#[tokio::test]
async fn a_recalled_job_leaves_no_trace_and_a_running_one_is_not_recalled() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let running = ground.publish_new().await;
    let lease = take(&mut consumer).await;
    let waiting = ground.publish_new().await;
    let unknown = JobId::new();
    assert_eq!(ground.queue.recall(&[running, waiting, unknown]).await.unwrap(), [false, true, false]);
    assert_eq!(ground.queue.open_jobs().await.unwrap(), [running]);
    let depth = ground.queue.depth(KIND).await.unwrap();
    assert_eq!((depth.queued, depth.running), (0, 1));
    assert_eq!(lease.succeed(&result()).await.unwrap(), Accepted::Yes);
}

#[tokio::test]
async fn the_generations_of_jobs_can_be_asked_for() {
    let ground = Ground::new().await;
    let id = ground.publish(&queue::Publication { generation: 7, ..publication() }).await;
    assert_eq!(ground.queue.generations(&[JobId::new(), id]).await.unwrap(), [None, Some(7)]);
}

#[tokio::test]
async fn a_purged_job_is_gone_and_its_holder_hears_it() {
    let ground = Ground::new().await;
    let mut consumer = ground.consumer("w1").await;
    let id = ground.publish_new().await;
    let lease = take(&mut consumer).await;
    ground.queue.purge(id).await.unwrap();
    assert_eq!(lease.fail(Outcome::Failed, &failure()).await.unwrap(), Accepted::Lost);
    assert_eq!(ground.queue.open_jobs().await.unwrap(), []);
    assert_eq!(ground.queue.depth(KIND).await.unwrap().running, 0);
}

#[tokio::test]
async fn depth_tells_how_long_the_oldest_job_has_waited() {
    let ground = Ground::new().await;
    let empty = ground.queue.depth(KIND).await.unwrap();
    assert_eq!(empty, queue::Depth::default());
    ground.publish_new().await;
    ground.publish_new().await;
    let _lease = take(&mut ground.consumer("w1").await).await;
    let depth = ground.queue.depth(KIND).await.unwrap();
    assert_eq!((depth.queued, depth.running), (1, 1));
    assert!(depth.oldest_queued < std::time::Duration::from_secs(20), "{depth:?}");
}
