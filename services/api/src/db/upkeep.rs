//! What reconcile, ageing and the sweep ask of the record.

use std::collections::HashSet;

use contract::JobId;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{
    Db, Error,
    connection::{Value, placeholders, values},
    jobs::add_turn,
    pause::is_paused,
};

/// SQLite takes at most 32,766 values in a statement, and planning long lists is slow.
const VALUES_PER_STATEMENT: usize = 500;

/// A published job, as SQL knows it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Published {
    pub(crate) id: Uuid,
    pub(crate) generation: i64,
    pub(crate) is_running: bool,
    pub(crate) cancel_requested: bool,
    pub(crate) published_at: i64,
}

/// A job that has moved up one priority.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Promoted {
    pub(crate) id: Uuid,
    pub(crate) state: String,
    pub(crate) generation: i64,
}

impl Db {
    /// Lists all published jobs: the window, and what runs.
    pub(crate) async fn list_published(&self) -> Result<Vec<Published>, Error> {
        let sql = "SELECT id, generation, is_running, cancel_requested, COALESCE(published_at, 0) AS published_at \
                   FROM jobs WHERE state = 'published'";
        self.fetch_all("list the published jobs", sql, &[]).await
    }

    /// Returns which of these jobs have ended. Jobs that are not on record are not among them.
    pub(crate) async fn list_ended(&self, ids: &[JobId]) -> Result<Vec<JobId>, Error> {
        self.list_those("state NOT IN ('queued', 'published')", ids).await
    }

    /// Returns which of these jobs a worker has, as far as SQL knows.
    pub(crate) async fn list_running(&self, ids: &[JobId]) -> Result<Vec<JobId>, Error> {
        self.list_those("state = 'published' AND is_running", ids).await
    }

    async fn list_those(&self, condition: &'static str, ids: &[JobId]) -> Result<Vec<JobId>, Error> {
        let mut found = Vec::new();
        for ids in ids.chunks(VALUES_PER_STATEMENT) {
            let sql = format!("SELECT id FROM jobs WHERE id IN ({}) AND {condition}", placeholders(1, ids.len()));
            let values: Vec<Value<'_>> = ids.iter().map(|id| Value::from(id.0)).collect();
            let rows: Vec<(Uuid,)> = self.fetch_all("look how jobs stand", AssertSqlSafe(sql), &values).await?;
            found.extend(rows.into_iter().map(|(id,)| JobId(id)));
        }
        Ok(found)
    }

    /// Returns which of these files no asset has, by the hash of their bytes.
    pub(crate) async fn list_unused_blobs(&self, hashes: &[String]) -> Result<Vec<String>, Error> {
        let mut unused = Vec::new();
        for hashes in hashes.chunks(VALUES_PER_STATEMENT) {
            let sql = format!("SELECT blake3 FROM assets WHERE blake3 IN ({})", placeholders(1, hashes.len()));
            let values: Vec<Value<'_>> = hashes.iter().map(Value::from).collect();
            let rows: Vec<(String,)> =
                self.fetch_all("look for the users of files", AssertSqlSafe(sql), &values).await?;
            let used: HashSet<String> = rows.into_iter().map(|(hash,)| hash).collect();
            unused.extend(hashes.iter().filter(|hash| !used.contains(*hash)).cloned());
        }
        Ok(unused)
    }

    /// Moves up one priority whoever has waited longest in each line that was not served since `before`.
    /// One job of a line at a time: a long queue must not turn urgent as a whole.
    pub(crate) async fn promote_starving(&self, before: i64, now: i64) -> Result<Vec<Promoted>, Error> {
        // Nobody is served while the queue or the job is paused, which is nobody's disadvantage.
        let sql = concat!(
            "SELECT worker_kind, rank, owner FROM turns WHERE rank > 0 AND served_at <= $1 AND NOT ",
            is_paused!("worker_kind")
        );
        let lines: Vec<(String, i64, String)> = self.fetch_all("look who was not served", sql, values![before]).await?;
        let mut promoted = Vec::new();
        for (worker_kind, rank, owner) in &lines {
            let mut tx = self.begin("move a starving job up").await?;
            let sql = "SELECT id, ranked_at FROM (\
                         SELECT id, ranked_at FROM jobs WHERE state = 'queued' \
                         AND worker_kind = $1 AND rank = $2 AND owner = $3 AND NOT paused \
                         UNION ALL \
                         SELECT id, ranked_at FROM jobs WHERE state = 'published' AND NOT is_running \
                         AND worker_kind = $1 AND rank = $2 AND owner = $3 AND NOT paused) AS waiting \
                       WHERE ranked_at <= $4 ORDER BY ranked_at, id LIMIT 1";
            let oldest = tx.fetch_optional::<(Uuid, i64)>(sql, values![worker_kind, *rank, owner, before]).await?;
            let Some((id, _)) = oldest else { continue };
            let sql = "UPDATE jobs SET rank = rank - 1, ranked_at = $2 WHERE id = $1 AND rank = $3 \
                       AND (state = 'queued' OR (state = 'published' AND NOT is_running)) \
                       RETURNING id, state, generation";
            let Some(job) = tx.fetch_optional::<Promoted>(sql, values![id, now, *rank]).await? else { continue };
            add_turn(&mut tx, id).await?;
            let sql = "UPDATE turns SET served_at = $4 WHERE worker_kind = $1 AND rank = $2 AND owner = $3";
            tx.execute(sql, values![worker_kind, *rank, owner, now]).await?;
            tx.commit().await?;
            promoted.push(job);
        }
        Ok(promoted)
    }

    /// Forgets idempotency keys whose day is over; returns how many.
    pub(crate) async fn forget_idempotency_keys(&self, now: i64) -> Result<u64, Error> {
        let sql = "DELETE FROM idempotency WHERE expires_at <= $1";
        self.execute("forget old idempotency keys", sql, values![now]).await
    }
}
