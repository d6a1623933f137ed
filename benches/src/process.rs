//! Rows about the queue alone: how many jobs a second, and how soon a lonely job starts.

use testkit::valkey::TestValkey;

use crate::{
    bare,
    bullmq::Bullmq,
    figures::percentile,
    ours,
    rounds::{self, ROUNDS},
    row::{Row, Target},
};

/// How many jobs each side processes in a round: a third of a second or more for each.
struct Size {
    concurrency: usize,
    ours: usize,
    bare: usize,
    bullmq: usize,
}

const SIZES: [Size; 2] = [
    Size { concurrency: 1, ours: 4_000, bare: 10_000, bullmq: 3_000 },
    Size { concurrency: 50, ours: 15_000, bare: 40_000, bullmq: 8_000 },
];
const LONELY_JOBS: usize = 300;

/// Measures jobs a second, one at a time and fifty at once, against BullMQ and against the bare loop.
pub(crate) async fn rates() -> anyhow::Result<Vec<Row>> {
    let valkey = TestValkey::start()?;
    let url = &valkey.url();
    let bullmq = Bullmq::install().await?;
    let mut rows = Vec::new();
    for Size { concurrency, ours, bare, bullmq: bullmq_jobs } in SIZES {
        let (our_rate, bare_rate) = rounds::alternate(
            ROUNDS,
            async || ours::process(url, ours, concurrency).await,
            async || bare::process(url, bare, concurrency).await,
        )
        .await?;
        rows.push(Row::comparison(
            &format!("process, {concurrency} at a time, bare"),
            "jobs/s",
            our_rate,
            ("the bare loop", bare_rate),
            Target::RatioAtLeast(0.4),
        ));
        let (our_rate, bullmq_rate) = rounds::alternate(
            ROUNDS,
            async || ours::process(url, ours, concurrency).await,
            async || bullmq.process(&valkey.socket(), bullmq_jobs, concurrency).await,
        )
        .await?;
        rows.push(Row::comparison(
            &format!("process, {concurrency} at a time, bullmq"),
            "jobs/s",
            our_rate,
            ("BullMQ", bullmq_rate),
            Target::RatioAtLeast(2.0),
        ));
    }
    Ok(rows)
}

/// Measures how long a job waits for an idle worker.
pub(crate) async fn start() -> anyhow::Result<Vec<Row>> {
    let valkey = TestValkey::start()?;
    let url = &valkey.url();
    let (ours, bare) = rounds::alternate(
        ROUNDS,
        async || Ok(percentile(&ours::start_latencies(url, LONELY_JOBS).await?, 50.0)),
        async || Ok(percentile(&bare::start_latencies(url, LONELY_JOBS).await?, 50.0)),
    )
    .await?;
    Ok(vec![Row::comparison("submit to start, p50", "ms", ours, ("the bare loop", bare), Target::RatioAtMost(2.0))])
}
