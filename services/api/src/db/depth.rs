//! How much waits and runs, by kind of worker, and whether it is paused.

use contract::{spec::WorkerKind, system::QueueDepth};
use time::OffsetDateTime;

use super::{Db, Error, row::micros};

impl Db {
    /// Returns how much waits and runs, for every kind of worker.
    pub async fn queue_depths(&self, now: OffsetDateTime) -> Result<Vec<QueueDepth>, Error> {
        let sql = "SELECT worker_kind, CAST(SUM(waiting) AS BIGINT), CAST(SUM(running) AS BIGINT), MIN(oldest) FROM ( \
                       SELECT worker_kind, COUNT(*) AS waiting, 0 AS running, MIN(submitted_at) AS oldest FROM jobs \
                       WHERE state = 'queued' GROUP BY worker_kind \
                       UNION ALL \
                       SELECT worker_kind, COUNT(*), 0, MIN(submitted_at) FROM jobs \
                       WHERE state = 'published' AND NOT is_running GROUP BY worker_kind \
                       UNION ALL \
                       SELECT worker_kind, 0, COUNT(*), NULL FROM jobs \
                       WHERE state = 'published' AND is_running GROUP BY worker_kind \
                   ) AS parts GROUP BY worker_kind";
        let rows: Vec<(String, i64, i64, Option<i64>)> = self.fetch_all("count what waits and runs", sql, &[]).await?;
        let paused = self.list_paused().await?;
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let depth = |kind: WorkerKind| {
            let is_paused = paused.contains(&kind);
            let none = QueueDepth { worker_kind: kind, queued: 0, running: 0, oldest_queued_s: 0, is_paused };
            rows.iter().find(|(name, ..)| name == kind.as_str()).map_or(none, |(_, queued, running, oldest)| {
                QueueDepth {
                    worker_kind: kind,
                    queued: count(*queued),
                    running: count(*running),
                    oldest_queued_s: oldest.map_or(0, |oldest| count((micros(now) - oldest) / 1_000_000)),
                    is_paused,
                }
            })
        };
        Ok(WorkerKind::ALL.iter().copied().map(depth).collect())
    }
}
