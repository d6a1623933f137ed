//! What workers get nothing of, because somebody paused it: the queue of a kind of worker, or a single job. It survives
//! restarts, and all instances see it.
//!
//! Each paused kind is a document of its own among the settings, so that two people who pause two kinds do not undo each other.

use contract::{JobId, job::Job, spec::WorkerKind};
use time::OffsetDateTime;

use super::{
    Db, Error,
    connection::{Value, values},
    jobs::job_as_it_is,
    row::{JobRow, job_columns, micros},
};

/// What the names of these documents begin with.
const PREFIX: &str = "queue_paused:";

/// The condition in SQL that a kind of worker is paused, as a literal that constants can be built from.
macro_rules! is_paused {
    ($worker_kind:literal) => {
        concat!("EXISTS (SELECT 1 FROM settings WHERE name = 'queue_paused:' || ", $worker_kind, ")")
    };
}
pub(super) use is_paused;

/// What became of the wish to pause one job, or to let it go on.
#[derive(Debug, Clone, PartialEq)]
pub enum PauseRequest {
    /// There is no such job.
    Absent,
    /// It runs, or has ended.
    NotWaiting(Job),
    /// It is as was wished; perhaps it was before.
    Done(Job),
}

const PAUSE_JOB: &str = concat!(
    "UPDATE jobs SET paused = TRUE \
     WHERE id = $1 AND (state = 'queued' OR (state = 'published' AND NOT is_running)) RETURNING ",
    job_columns!()
);

/// While it was paused nobody kept it waiting, so it has no claim to move up.
const RESUME_JOB: &str = concat!(
    "UPDATE jobs SET ranked_at = CASE WHEN paused THEN $2 ELSE ranked_at END, paused = FALSE \
     WHERE id = $1 AND (state = 'queued' OR (state = 'published' AND NOT is_running)) RETURNING ",
    job_columns!()
);

impl Db {
    /// Notes that no worker gets this waiting job. Once more changes nothing.
    pub async fn pause_job(&self, id: JobId) -> Result<PauseRequest, Error> {
        self.change_waiting("pause a job", id, PAUSE_JOB, values![id.0]).await
    }

    /// Notes that workers may have this waiting job.
    pub async fn resume_job(&self, id: JobId, at: OffsetDateTime) -> Result<PauseRequest, Error> {
        self.change_waiting("resume a job", id, RESUME_JOB, values![id.0, micros(at)]).await
    }

    async fn change_waiting(
        &self,
        action: &'static str,
        id: JobId,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<PauseRequest, Error> {
        let mut tx = self.begin(action).await?;
        let changed: Option<JobRow> = tx.fetch_optional(sql, values).await?;
        let Some(row) = changed else {
            return Ok(job_as_it_is(&mut tx, id.0).await?.map_or(PauseRequest::Absent, PauseRequest::NotWaiting));
        };
        tx.commit().await?;
        Ok(PauseRequest::Done(row.try_into()?))
    }

    /// Notes that these workers get nothing new. Once more changes nothing.
    pub async fn pause(&self, kinds: &[WorkerKind], at: OffsetDateTime) -> Result<(), Error> {
        let mut tx = self.begin("pause the queue").await?;
        for kind in kinds {
            let sql = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
            tx.execute(sql, values![&name(*kind), &micros(at).to_string()]).await?;
        }
        tx.commit().await
    }

    /// Notes that these workers get jobs again.
    pub async fn resume(&self, kinds: &[WorkerKind]) -> Result<(), Error> {
        let mut tx = self.begin("resume the queue").await?;
        for kind in kinds {
            tx.execute("DELETE FROM settings WHERE name = $1", values![&name(*kind)]).await?;
        }
        tx.commit().await
    }

    /// Lists the kinds of workers that get nothing new.
    pub async fn list_paused(&self) -> Result<Vec<WorkerKind>, Error> {
        let sql = "SELECT name FROM settings WHERE name LIKE 'queue_paused:%'";
        let names: Vec<(String,)> = self.fetch_all("look what is paused", sql, &[]).await?;
        Ok(names.iter().filter_map(|(name,)| name.strip_prefix(PREFIX)?.parse().ok()).collect())
    }
}

fn name(kind: WorkerKind) -> String {
    format!("{PREFIX}{}", kind.as_str())
}
