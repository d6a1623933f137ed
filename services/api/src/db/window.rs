//! The window: which waiting jobs are published, which could be, and the step from one to the other and back.

use std::collections::HashMap;

use contract::{
    JobId,
    job::{Failure, FailureCode, QueuedJob},
};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{
    Db, Error,
    assets::inputs,
    connection::{Value, Writing, values},
    costs,
    pause::is_paused,
    row::{count, from_json, from_micros, generation, to_json},
};

/// SQLite takes at most 500 parts in one compound statement.
const TURNS_PER_STATEMENT: usize = 100;

/// A waiting job, as far as its order matters.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Waiting {
    pub(crate) id: Uuid,
    pub(crate) generation: i64,
    pub(crate) worker_kind: String,
    pub(crate) rank: i64,
    pub(crate) owner: String,
    /// -1 moved to the front, 0 in its fair turn, 1 moved to the back.
    pub(crate) placed: i64,
    pub(crate) position: i64,
    /// Whether workers must not get it, it alone or nothing of its kind; only the window says so.
    #[sqlx(default)]
    pub(crate) is_paused: bool,
}

/// Somebody who has, or had, jobs of a kind and rank in line.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Turn {
    pub(crate) worker_kind: String,
    pub(crate) rank: i64,
    pub(crate) owner: String,
    pub(crate) served_at: i64,
}

/// A job that is marked as published and must now be published.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Marked {
    pub(crate) job: QueuedJob,
    pub(crate) generation: u64,
    pub(crate) rank: u8,
    pub(crate) model: String,
    pub(crate) attempts: u32,
    pub(crate) max_attempts: u32,
    pub(crate) cancel_requested: bool,
}

#[derive(sqlx::FromRow)]
struct MarkedRow {
    id: Uuid,
    worker_kind: String,
    rank: i64,
    owner: String,
    generation: i64,
    model: String,
    spec: String,
    traceparent: Option<String>,
    submitted_at: i64,
    attempts: i64,
    max_attempts: i64,
    cancel_requested: bool,
}

impl Db {
    /// Lists the published jobs that no worker has taken.
    pub(crate) async fn list_window(&self) -> Result<Vec<Waiting>, Error> {
        let sql = concat!(
            "SELECT id, generation, worker_kind, rank, owner, placed, position, paused OR ",
            is_paused!("worker_kind"),
            " AS is_paused FROM jobs WHERE state = 'published' AND NOT is_running"
        );
        self.fetch_all("list the window", sql, &[]).await
    }

    /// Lists all turns of workers that are not paused.
    pub(crate) async fn list_turns(&self) -> Result<Vec<Turn>, Error> {
        let sql =
            concat!("SELECT worker_kind, rank, owner, served_at FROM turns WHERE NOT ", is_paused!("worker_kind"));
        self.fetch_all("list the turns", sql, &[]).await
    }

    /// Lists the first jobs in line of each of these turns: so many of each, however many wait.
    pub(crate) async fn list_heads(&self, turns: &[Turn], of_each: u32, now: i64) -> Result<Vec<Waiting>, Error> {
        let mut heads = Vec::new();
        for turns in turns.chunks(TURNS_PER_STATEMENT) {
            let mut values = values![now, of_each].to_vec();
            let mut walks = Vec::with_capacity(turns.len());
            for turn in turns {
                let first = values.len() + 1;
                walks.push(format!(
                    "SELECT * FROM (SELECT id, generation, worker_kind, rank, owner, placed, position FROM jobs \
                     WHERE state = 'queued' AND worker_kind = ${first} AND rank = ${} AND owner = ${} \
                     AND run_at <= $1 AND NOT paused ORDER BY placed, position, id LIMIT $2) AS walk",
                    first + 1,
                    first + 2
                ));
                values.extend([Value::from(&turn.worker_kind), Value::from(turn.rank), Value::from(&turn.owner)]);
            }
            let sql = AssertSqlSafe(walks.join(" UNION ALL "));
            heads.extend(self.fetch_all::<Waiting>("list who is next", sql, &values).await?);
        }
        Ok(heads)
    }

    /// Returns the earliest time at which a job that waits for a later one may run.
    pub(crate) async fn next_run_at(&self, now: i64) -> Result<Option<i64>, Error> {
        let sql =
            "SELECT run_at FROM jobs WHERE state = 'queued' AND run_at > $1 AND NOT paused ORDER BY run_at LIMIT 1";
        Ok(self.fetch_optional::<(i64,)>("find the next due job", sql, values![now]).await?.map(|(at,)| at))
    }

    /// Marks waiting jobs as published, each under a new generation, before anything is published.
    /// Returns them in the order asked for, without those that somebody else took first.
    pub(crate) async fn mark_published(&self, ids: &[Uuid], now: i64) -> Result<Vec<Marked>, Error> {
        let mut tx = self.begin("mark jobs as published").await?;
        // Two instances that mark the same jobs in the same order cannot wait for each other.
        let mut in_order: Vec<(i64, Uuid)> = (0..).zip(ids.iter().copied()).collect();
        in_order.sort_by_key(|(_, id)| *id);
        let mut marked = Vec::with_capacity(ids.len());
        let mut served = Vec::new();
        let mut histories = HashMap::new();
        for (place, id) in in_order {
            // Between the plan and now, somebody may have paused the job or the queue.
            let sql = concat!(
                "UPDATE jobs SET state = 'published', generation = generation + 1, is_running = FALSE, \
                    published_at = $2 \
                 WHERE id = $1 AND state = 'queued' AND NOT paused AND NOT ",
                is_paused!("worker_kind"),
                " RETURNING id, worker_kind, rank, owner, generation, model, spec, traceparent, submitted_at, \
                    attempts, max_attempts, cancel_requested"
            );
            let Some(row) = tx.fetch_optional::<MarkedRow>(sql, values![id, now]).await? else { continue };
            served.push((row.worker_kind.clone(), row.rank, row.owner.clone(), now.saturating_add(place)));
            match Marked::try_from(row) {
                Ok(mut next) => {
                    next.job.inputs = inputs(&mut tx, id).await?;
                    if !histories.contains_key(&next.model) {
                        histories.insert(next.model.clone(), costs::list(&mut tx, &next.model).await?);
                    }
                    next.job.history = histories.get(&next.model).cloned().unwrap_or_default();
                    marked.push((place, next));
                }
                Err(error) => set_aside(&mut tx, id, now, &error).await?,
            }
        }
        served.sort();
        for (worker_kind, rank, owner, at) in &served {
            let sql = "UPDATE turns SET served_at = $4 \
                       WHERE worker_kind = $1 AND rank = $2 AND owner = $3 AND served_at < $4";
            tx.execute(sql, values![worker_kind, *rank, owner, *at]).await?;
        }
        tx.commit().await?;
        marked.sort_by_key(|(place, _)| *place);
        Ok(marked.into_iter().map(|(_, job)| job).collect())
    }

    /// Puts published jobs back in line, or ends those whose cancellation was asked for; returns these last.
    /// Nothing happens to a job that has moved on from this generation.
    pub(crate) async fn take_back(&self, jobs: &[(Uuid, i64)], now: i64) -> Result<Vec<JobId>, Error> {
        let mut tx = self.begin("put jobs back in line").await?;
        let mut jobs = jobs.to_vec();
        jobs.sort_unstable();
        let mut cancelled = Vec::new();
        for (id, generation) in jobs {
            let sql = "UPDATE jobs SET is_running = FALSE, \
                          state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'queued' END, \
                          ended_at = CASE WHEN cancel_requested THEN $3 ELSE ended_at END \
                       WHERE id = $1 AND generation = $2 AND state = 'published' RETURNING state";
            let Some((state,)) = tx.fetch_optional::<(String,)>(sql, values![id, generation, now]).await? else {
                continue;
            };
            let sql = "UPDATE attempts SET ended_at = $2, outcome = 'lost' WHERE job_id = $1 AND ended_at IS NULL";
            tx.execute(sql, values![id, now]).await?;
            if state == "cancelled" {
                cancelled.push(JobId(id));
            }
        }
        tx.commit().await?;
        Ok(cancelled)
    }
}

impl TryFrom<MarkedRow> for Marked {
    type Error = Error;
    fn try_from(row: MarkedRow) -> Result<Self, Error> {
        Ok(Self {
            job: QueuedJob {
                id: JobId(row.id),
                spec: from_json("the request of a job", &row.spec)?,
                inputs: Vec::new(),
                history: Vec::new(),
                submitted_at: from_micros(row.submitted_at)?,
                traceparent: row.traceparent,
            },
            generation: generation(row.generation),
            rank: u8::try_from(row.rank).unwrap_or(u8::MAX),
            model: row.model,
            attempts: count(row.attempts),
            max_attempts: count(row.max_attempts),
            cancel_requested: row.cancel_requested,
        })
    }
}

/// Ends a job that this version cannot read, so that it neither waits for ever nor holds up the others.
async fn set_aside(tx: &mut Writing, id: Uuid, now: i64, error: &Error) -> Result<(), Error> {
    tracing::error!(job.id = %id, "job {id} is set aside: {error}");
    let failure = Failure {
        code: FailureCode::Rejected,
        message: "this version of Atelier cannot read the job".to_owned(),
        remedy: Some("run the version that accepted it, and retry the job".to_owned()),
    };
    let sql = "UPDATE jobs SET state = 'failed', failure = $2, ended_at = $3 WHERE id = $1";
    tx.execute(sql, values![id, &to_json("a failure", &failure)?, now]).await.map(drop)
}
