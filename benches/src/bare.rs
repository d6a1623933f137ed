//! The peer that nothing on streams can beat: XADD, XREADGROUP, XACK and nothing else.
//!
//! No leases, no cancel, no priorities, no results: it shows what Valkey itself costs.

use std::time::{Duration, Instant};

use anyhow::Context;
use redis::{
    AsyncCommands, AsyncConnectionConfig, Client, RedisResult, Value,
    aio::MultiplexedConnection,
    streams::{StreamReadOptions, StreamReadReply},
};
use tokio::{sync::mpsc, task::JoinSet};

const STREAM: &str = "{bare}:stream";
const GROUP: &str = "group";
/// About as long as the spec of a picture.
const PAYLOAD: &str = r#"{"prompt":"a lighthouse at dawn","steps":4,"width":64,"height":64}"#;
const BLOCK: Duration = Duration::from_secs(2);

/// Processes jobs that do nothing, `concurrency` at a time, and returns jobs a second.
pub(crate) async fn process(url: &str, jobs: usize, concurrency: usize) -> anyhow::Result<f64> {
    let mut connection = open(url).await?;
    start_over(&mut connection).await?;
    for begin in (0..jobs).step_by(1000) {
        let mut batch = redis::pipe();
        for number in begin..jobs.min(begin + 1000) {
            batch.xadd(STREAM, "*", &[("id", number.to_string().as_str()), ("spec", PAYLOAD)]).ignore();
        }
        let () = batch.query_async(&mut connection).await.context("adding the entries")?;
    }
    let begun = Instant::now();
    let mut loops = JoinSet::new();
    for _ in 0..concurrency {
        loops.spawn(process_until_empty(connection.clone()));
    }
    let mut processed = 0;
    while let Some(count) = loops.join_next().await {
        processed += count?.context("processing entries")?;
    }
    let rate = jobs as f64 / begun.elapsed().as_secs_f64();
    anyhow::ensure!(processed == jobs, "{processed} of {jobs} entries were processed");
    Ok(rate)
}

async fn process_until_empty(mut connection: MultiplexedConnection) -> RedisResult<usize> {
    let options = StreamReadOptions::default().group(GROUP, "consumer").count(1);
    let mut processed = 0;
    loop {
        let reply: Option<StreamReadReply> = connection.xread_options(&[STREAM], &[">"], &options).await?;
        let Some(entry) = reply.and_then(|mut reply| reply.keys.pop()).and_then(|mut key| key.ids.pop()) else {
            return Ok(processed);
        };
        let _: i64 = connection.xack(STREAM, GROUP, &[&entry.id]).await?;
        processed += 1;
    }
}

/// Returns, for each of `jobs` lonely jobs, the milliseconds from before its XADD until a waiting reader has it.
pub(crate) async fn start_latencies(url: &str, jobs: usize) -> anyhow::Result<Vec<f64>> {
    let mut connection = open(url).await?;
    start_over(&mut connection).await?;
    let (started, mut starts) = mpsc::unbounded_channel();
    let reader = tokio::spawn(read_and_tell(open(url).await?, jobs, started));
    let mut latencies = Vec::with_capacity(jobs);
    for number in 0..jobs {
        crate::rounds::settle_down().await;
        let submitted = Instant::now();
        let _: Value = connection.xadd(STREAM, "*", &[("id", number.to_string().as_str()), ("spec", PAYLOAD)]).await?;
        let started: Instant = starts.recv().await.context("the reader stopped")?;
        latencies.push((started - submitted).as_secs_f64() * 1000.0);
    }
    reader.await?.context("reading entries")?;
    Ok(latencies)
}

async fn read_and_tell(
    mut connection: MultiplexedConnection,
    jobs: usize,
    started: mpsc::UnboundedSender<Instant>,
) -> RedisResult<()> {
    let options = StreamReadOptions::default().group(GROUP, "consumer").count(1).block(BLOCK.as_millis() as usize);
    let mut seen = 0;
    while seen < jobs {
        let reply: Option<StreamReadReply> = connection.xread_options(&[STREAM], &[">"], &options).await?;
        for entry in reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids) {
            // The sender is gone only when the bench is over.
            let _ = started.send(Instant::now());
            let _: i64 = connection.xack(STREAM, GROUP, &[&entry.id]).await?;
            seen += 1;
        }
    }
    Ok(())
}

async fn open(url: &str) -> anyhow::Result<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(BLOCK + Duration::from_secs(5)));
    Client::open(url)
        .with_context(|| format!("{url} is no address of a Valkey"))?
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .context("connecting to Valkey")
}

async fn start_over(connection: &mut MultiplexedConnection) -> anyhow::Result<()> {
    let () = connection.del(STREAM).await.context("deleting the stream")?;
    let () = connection.xgroup_create_mkstream(STREAM, GROUP, "0").await.context("making the group")?;
    Ok(())
}
