//! What SQL says: every change of state, written down by a trigger in the same transaction, and the rows themselves.

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::Context;
use contract::{GroupId, JobId};
use sqlx::{
    Row, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use uuid::Uuid;

use crate::wait;

const INSTALL: [&str; 4] = [
    "CREATE TABLE fault_audit (job_id BLOB NOT NULL, was TEXT NOT NULL, became TEXT NOT NULL) STRICT",
    "CREATE TRIGGER fault_audit AFTER UPDATE OF state ON jobs WHEN OLD.state <> NEW.state \
     BEGIN INSERT INTO fault_audit VALUES (NEW.id, OLD.state, NEW.state); END",
    "CREATE TABLE fault_audit_groups (group_id BLOB NOT NULL) STRICT",
    "CREATE TRIGGER fault_audit_groups AFTER UPDATE OF ended_at ON job_groups WHEN OLD.ended_at IS NOT NEW.ended_at \
     BEGIN INSERT INTO fault_audit_groups VALUES (NEW.id); END",
];

const COUNT_OPEN: &str = "SELECT (SELECT COUNT(*) FROM jobs WHERE state IN ('queued', 'published')) \
    + (SELECT COUNT(*) FROM job_groups WHERE ended_at IS NULL)";

const LIST_RECORDS: &str = "SELECT id, json_extract(spec, '$.prompt') AS prompt, group_id, state, result, failure, cancel_requested, \
    (SELECT COUNT(*) FROM fault_audit a WHERE a.job_id = jobs.id AND a.became NOT IN ('queued', 'published')) AS ends, \
    (SELECT COUNT(*) FROM fault_audit a WHERE a.job_id = jobs.id AND a.was NOT IN ('queued', 'published')) AS left_ends, \
    (SELECT COUNT(*) FROM assets WHERE assets.job_id = jobs.id) AS assets FROM jobs";

const LIST_GROUPS: &str = "SELECT id, ended_at IS NOT NULL AS has_ended, \
    (SELECT COUNT(*) FROM fault_audit_groups a WHERE a.group_id = g.id) AS ends, \
    (SELECT COUNT(*) FROM jobs j WHERE j.group_id = g.id AND cell IS NOT NULL) AS cells, \
    (SELECT COUNT(*) FROM jobs j WHERE j.group_id = g.id AND cell IS NOT NULL \
        AND state IN ('queued', 'published')) AS open_cells, \
    (SELECT COUNT(*) FROM jobs j WHERE j.group_id = g.id AND cell IS NOT NULL AND state = 'succeeded') AS pictures, \
    (SELECT COUNT(*) FROM jobs j WHERE j.group_id = g.id AND cell IS NULL) AS sheets, \
    (SELECT COUNT(*) FROM jobs j WHERE j.group_id = g.id AND cell IS NULL AND j.id = g.sheet_job_id) AS named_sheets \
    FROM job_groups g";

/// A row of the table of jobs.
#[derive(Debug, Clone)]
pub struct Record {
    /// Which job.
    pub id: JobId,
    /// What was asked for; a contact sheet has no prompt.
    pub prompt: Option<String>,
    /// The group that it belongs to.
    pub group: Option<GroupId>,
    /// Its state, in the words of SQL.
    pub state: String,
    /// What it made.
    pub result: Option<String>,
    /// Why it made nothing.
    pub failure: Option<String>,
    /// Whether somebody asked for its end.
    pub cancel_requested: bool,
    /// How often it came to an end.
    pub ends: i64,
    /// How often it left an end again.
    pub left_ends: i64,
    /// Assets on record as its own.
    pub assets: i64,
}

/// A row of the table of groups, and what there is of its jobs.
#[derive(Debug, Clone)]
pub struct GroupRecord {
    /// Which group.
    pub id: GroupId,
    /// Whether it has come to an end.
    pub has_ended: bool,
    /// How often that was written or taken back.
    pub ends: i64,
    /// Its cells.
    pub cells: i64,
    /// Those that have not ended.
    pub open_cells: i64,
    /// Those that made a picture.
    pub pictures: i64,
    /// The jobs of its contact sheet: one at most.
    pub sheets: i64,
    /// Those of them that it names itself.
    pub named_sheets: i64,
}

/// A view of the API's database that is not the API's.
#[derive(Debug, Clone)]
pub struct Audit {
    pool: SqlitePool,
}

impl Audit {
    /// Begins to write down changes of state.
    pub async fn install(database: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new().filename(database).busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        for statement in INSTALL {
            sqlx::query(statement).execute(&pool).await.context("installing the trigger")?;
        }
        Ok(Self { pool })
    }

    /// Waits until no job and no group is open any more, or until the time is over: what is open then is stuck.
    pub async fn until_all_ended(&self, limit: Duration) -> anyhow::Result<()> {
        let waited = wait::until(limit, "the end of all jobs", || async {
            let open: i64 = sqlx::query_scalar(COUNT_OPEN).fetch_one(&self.pool).await.ok()?;
            (open == 0).then_some(())
        });
        // That some are left is a finding of the books, not an error of the run.
        let _ = waited.await;
        Ok(())
    }

    /// Returns every job.
    pub async fn records(&self) -> anyhow::Result<Vec<Record>> {
        let rows = sqlx::query(LIST_RECORDS).fetch_all(&self.pool).await.context("reading the jobs")?;
        let record = |row: sqlx::sqlite::SqliteRow| {
            Ok(Record {
                id: JobId(row.try_get::<Uuid, _>("id")?),
                prompt: row.try_get("prompt")?,
                group: row.try_get::<Option<Uuid>, _>("group_id")?.map(GroupId),
                state: row.try_get("state")?,
                result: row.try_get("result")?,
                failure: row.try_get("failure")?,
                cancel_requested: row.try_get("cancel_requested")?,
                ends: row.try_get("ends")?,
                left_ends: row.try_get("left_ends")?,
                assets: row.try_get("assets")?,
            })
        };
        rows.into_iter().map(record).collect()
    }

    /// Returns every group.
    pub async fn groups(&self) -> anyhow::Result<Vec<GroupRecord>> {
        let rows = sqlx::query(LIST_GROUPS).fetch_all(&self.pool).await.context("reading the groups")?;
        let record = |row: sqlx::sqlite::SqliteRow| {
            Ok(GroupRecord {
                id: GroupId(row.try_get::<Uuid, _>("id")?),
                has_ended: row.try_get("has_ended")?,
                ends: row.try_get("ends")?,
                cells: row.try_get("cells")?,
                open_cells: row.try_get("open_cells")?,
                pictures: row.try_get("pictures")?,
                sheets: row.try_get("sheets")?,
                named_sheets: row.try_get("named_sheets")?,
            })
        };
        rows.into_iter().map(record).collect()
    }

    /// Returns the name of every file that an asset on record refers to.
    pub async fn referenced_blobs(&self) -> anyhow::Result<Vec<String>> {
        Ok(sqlx::query_scalar("SELECT DISTINCT blake3 FROM assets").fetch_all(&self.pool).await?)
    }

    /// Returns how many attempts are on record.
    pub async fn attempts(&self) -> anyhow::Result<u64> {
        let attempts: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM attempts").fetch_one(&self.pool).await?;
        Ok(attempts.unsigned_abs())
    }

    /// Returns how many jobs are in each state.
    pub async fn ends(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(state, count)| (state, count.unsigned_abs())).collect())
    }

    /// Returns what SQLite says about its own file: `ok`.
    pub async fn integrity(&self) -> anyhow::Result<String> {
        Ok(sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&self.pool).await?)
    }
}
