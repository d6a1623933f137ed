//! Our side: the queue crate alone, from publish to settle, with jobs that do nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use contract::{
    JobId,
    job::QueuedJob,
    result::{JobResult, Timeline},
    spec::{JobSpec, WorkerKind},
};
use queue::{Accepted, Affinity, Ending, Publication, Queue};
use time::OffsetDateTime;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::rounds;

const LEASE: Duration = Duration::from_secs(15);
/// As many as the projector of the API takes at once.
const SETTLE_BATCH: usize = 256;
/// What the API's commit to SQL takes: meanwhile further ends gather, and are settled together.
const COMMIT: Duration = Duration::from_millis(2);
const MODEL: &str = "bench";

/// Processes jobs that do nothing, `concurrency` at a time, and returns jobs a second: lease, finish, done entry, settle.
/// Like the peers', the jobs are in the queue before the clock starts, and nothing of them is left when it stops.
pub(crate) async fn process(url: &str, jobs: usize, concurrency: usize) -> anyhow::Result<f64> {
    let queue = fresh(url).await?;
    let mut consumers = Vec::new();
    for number in 0..concurrency {
        consumers.push(queue.consumer(WorkerKind::Sd, &format!("bench-{number}"), LEASE).await?);
    }
    for begin in (0..jobs).step_by(500) {
        let batch: Vec<_> = (begin..jobs.min(begin + 500)).map(|_| publication()).collect::<anyhow::Result<_>>()?;
        queue.publish(&batch).await.context("publishing")?;
    }
    let result = Arc::new(nothing());
    let stop = CancellationToken::new();
    let begun = Instant::now();
    let mut workers = JoinSet::new();
    for mut consumer in consumers {
        let (stop, result) = (stop.clone(), Arc::clone(&result));
        workers.spawn(async move {
            let affinity = Affinity::default();
            while let Some(mut lease) = consumer.next(&affinity, &stop).await? {
                // As the loop of a worker does: the end of one job and the next one are one round trip.
                loop {
                    let ending = Ending::Succeeded(&result);
                    let (accepted, next) = consumer.finish_and_take(lease, ending, &affinity, &stop).await?;
                    ensure!(accepted == Accepted::Yes, "a lease was lost");
                    match next {
                        Some(next) => lease = next,
                        None => break,
                    }
                }
            }
            Ok(())
        });
    }
    rounds::within(Duration::from_secs(120), "settling", settle(&queue, jobs)).await?;
    let rate = jobs as f64 / begun.elapsed().as_secs_f64();
    stop.cancel();
    while let Some(worker) = workers.join_next().await {
        worker??;
    }
    ensure!(queue.open_jobs().await?.is_empty(), "jobs were left in the queue");
    Ok(rate)
}

/// Settles what workers finish, as the API's projector does after its commit.
async fn settle(queue: &Queue, jobs: usize) -> anyhow::Result<()> {
    let mut done = queue.done_reader("bench").await?;
    let mut settled = 0;
    while settled < jobs {
        let entries = done.next(SETTLE_BATCH, Duration::from_secs(2)).await?;
        tokio::time::sleep(COMMIT).await;
        let names: Vec<_> = entries.into_iter().map(|entry| (entry.job_id, entry.generation, entry.entry_id)).collect();
        queue.settle(&names).await?;
        settled += names.len();
    }
    Ok(())
}

/// Returns, for each of `jobs` lonely jobs, the milliseconds from before its publication until a waiting worker has it.
pub(crate) async fn start_latencies(url: &str, jobs: usize) -> anyhow::Result<Vec<f64>> {
    let queue = fresh(url).await?;
    let mut consumer = queue.consumer(WorkerKind::Sd, "bench", LEASE).await?;
    let stop = CancellationToken::new();
    let (started, mut starts) = mpsc::unbounded_channel();
    let worker_stop = stop.clone();
    let worker = tokio::spawn(async move {
        let (affinity, result) = (Affinity::default(), nothing());
        while let Some(lease) = consumer.next(&affinity, &worker_stop).await? {
            // The receiver is gone only when the bench is over.
            let _ = started.send(Instant::now());
            ensure!(lease.succeed(&result).await? == Accepted::Yes, "a lease was lost");
        }
        Ok(())
    });
    let settling_queue = queue.clone();
    let settling = tokio::spawn(async move { settle(&settling_queue, jobs).await });
    let mut latencies = Vec::with_capacity(jobs);
    for _ in 0..jobs {
        rounds::settle_down().await;
        let publication = publication()?;
        let submitted = Instant::now();
        queue.publish(&[publication]).await?;
        let started: Instant = starts.recv().await.context("the worker stopped")?;
        latencies.push((started - submitted).as_secs_f64() * 1000.0);
    }
    settling.await??;
    stop.cancel();
    worker.await??;
    Ok(latencies)
}

/// Connects with a prefix that nobody has used, so that no round sees the leftovers of another.
async fn fresh(url: &str) -> anyhow::Result<Queue> {
    let queue = Queue::connect(url, &format!("bench-{}", uuid::Uuid::now_v7().simple())).await?;
    queue.prepare().await?;
    Ok(queue)
}

fn publication() -> anyhow::Result<Publication> {
    let spec: JobSpec = serde_json::from_value(serde_json::json!({
        "kind": "text_to_image", "prompt": "a lighthouse at dawn", "model": MODEL, "seed": 1,
        "steps": 4, "width": 64, "height": 64,
    }))?;
    let job = QueuedJob {
        id: JobId::new(),
        spec,
        inputs: Vec::new(),
        history: Vec::new(),
        submitted_at: OffsetDateTime::UNIX_EPOCH,
        traceparent: None,
    };
    Ok(Publication {
        job,
        generation: 1,
        rank: 1,
        model: MODEL.to_owned(),
        attempts: 0,
        max_attempts: 3,
        lease: LEASE,
        cancel_requested: false,
    })
}

fn nothing() -> JobResult {
    let at = OffsetDateTime::UNIX_EPOCH;
    let timeline = Timeline { leased_at: at, loaded_at: at, sampled_at: at, stored_at: at, engine_s: 0.0 };
    JobResult { assets: Vec::new(), engine: "none".to_owned(), timeline, measures: Vec::new(), cost: None }
}
