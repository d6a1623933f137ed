//! Jobs: insert and find.

use std::time::Duration;

use contract::{
    GroupId, JobId,
    job::{Job, Priority},
    spec::JobSpec,
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Db, Error,
    connection::{Writing, values},
    lists::searchable,
    pause::is_paused,
    row::{JobRow, duration_micros, job_columns, micros, to_json},
};
use crate::failpoint;

const FIND_JOB: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = $1");
const INSERT_JOB: &str = concat!(
    "INSERT INTO jobs (id, kind, worker_kind, state, max_attempts, priority, rank, submitted_at, position, run_at, \
     ranked_at, owner, model, spec, search, traceparent, body_hash, group_id, cell) \
     VALUES ($1, $2, $3, 'queued', $4, $5, $5, $6, $6, $6, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
     ON CONFLICT (id) DO NOTHING RETURNING ",
    job_columns!()
);

/// A job that the front door has accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its name: the client's choice or a fresh one.
    pub id: JobId,
    /// What it makes. Complete: model and seed are set.
    pub spec: JobSpec,
    /// How urgent it is.
    pub priority: Priority,
    /// Whose share of the workers it uses: the id of the key, or empty without keys.
    pub owner: String,
    /// After how many attempts it is set aside.
    pub max_attempts: u32,
    /// The client's `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// A hash of the request, to tell a repetition from another job under the same key or id.
    pub body_hash: String,
    /// The trace that began with the request.
    pub traceparent: Option<String>,
    /// When it was accepted.
    pub submitted_at: OffsetDateTime,
    /// The group that it belongs to.
    pub group: Option<Membership>,
}

/// What a job is in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// Which group.
    pub id: GroupId,
    /// Which cell; none of the contact sheet.
    pub cell: Option<u32>,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// It is on record.
    New(Job),
    /// It was on record already: the same request came before.
    Same(Job),
    /// Its id or idempotency key belongs to another request.
    Mismatch,
}

/// How long an idempotency key is remembered.
const IDEMPOTENCY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

impl Db {
    /// Puts a job on record, once: a repetition by id or by idempotency key (24 hours) finds the first one.
    pub async fn insert_job(&self, new: &NewJob) -> Result<Submitted, Error> {
        let mut tx = self.begin("put a job on record").await?;
        if let Some(key) = &new.idempotency_key
            && let Some((earlier, body_hash)) = remember_key(&mut tx, &Naming::of(new), key).await?
        {
            if body_hash != new.body_hash {
                return Ok(Submitted::Mismatch);
            }
            if let Some(job) = job_as_it_is(&mut tx, earlier).await? {
                return Ok(Submitted::Same(job));
            }
            // The first job was cleared away since: the key is free for this one.
            let sql = "UPDATE idempotency SET job_id = $1 WHERE owner = $2 AND key = $3";
            tx.execute(sql, values![new.id.0, &new.owner, key]).await?;
        }
        if let Some(row) = insert_row(&mut tx, new).await? {
            let job = row.try_into()?;
            tx.commit().await?;
            failpoint::pass("after_insert");
            return Ok(Submitted::New(job));
        }
        let sql = "SELECT owner, body_hash FROM jobs WHERE id = $1";
        let first = tx.fetch_optional::<(String, String)>(sql, values![new.id.0]).await?;
        if first.is_none_or(|(owner, body_hash)| owner != new.owner || body_hash != new.body_hash) {
            return Ok(Submitted::Mismatch);
        }
        let Some(job) = job_as_it_is(&mut tx, new.id.0).await? else { return Ok(Submitted::Mismatch) };
        tx.commit().await?;
        Ok(Submitted::Same(job))
    }

    /// Returns a job; its progress is not in SQL.
    pub async fn find_job(&self, id: JobId) -> Result<Option<Job>, Error> {
        let row = self.fetch_optional::<JobRow>("find a job", FIND_JOB, values![id.0]).await?;
        row.map(Job::try_from).transpose()
    }

    /// Returns whether a job runs, or waits for anything but a person who paused it.
    pub async fn has_pending_jobs(&self) -> Result<bool, Error> {
        let sql = concat!(
            "SELECT CAST(1 AS BIGINT) WHERE EXISTS (SELECT 1 FROM jobs WHERE state = 'published') \
             OR EXISTS (SELECT 1 FROM jobs WHERE state = 'queued' AND NOT paused AND NOT ",
            is_paused!("worker_kind"),
            ")"
        );
        Ok(self.fetch_optional::<(i64,)>("look whether any job is open", sql, &[]).await?.is_some())
    }

    /// Counts the jobs that have not ended.
    pub async fn count_open(&self) -> Result<u64, Error> {
        let sql = "SELECT (SELECT COUNT(*) FROM jobs WHERE state = 'queued') \
                        + (SELECT COUNT(*) FROM jobs WHERE state = 'published')";
        let row = self.fetch_optional::<(i64,)>("count the open jobs", sql, &[]).await?;
        Ok(row.map_or(0, |(count,)| u64::try_from(count).unwrap_or(0)))
    }
}

/// What a client may name by an idempotency key: a job or a group.
pub(super) struct Naming<'a> {
    pub(super) id: Uuid,
    pub(super) owner: &'a str,
    pub(super) body_hash: &'a str,
    pub(super) at: OffsetDateTime,
}

impl<'a> Naming<'a> {
    fn of(new: &'a NewJob) -> Self {
        Self { id: new.id.0, owner: &new.owner, body_hash: &new.body_hash, at: new.submitted_at }
    }
}

/// Takes the idempotency key for a job or group, or returns the id and the body hash that have it already.
pub(super) async fn remember_key(
    tx: &mut Writing,
    new: &Naming<'_>,
    key: &str,
) -> Result<Option<(Uuid, String)>, Error> {
    let now = micros(new.at);
    let expires_at = now.saturating_add(duration_micros(IDEMPOTENCY_LIFE));
    let sql = "INSERT INTO idempotency (owner, key, body_hash, job_id, expires_at) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (owner, key) DO UPDATE \
               SET body_hash = excluded.body_hash, job_id = excluded.job_id, expires_at = excluded.expires_at \
               WHERE idempotency.expires_at <= $6";
    let values = values![new.owner, key, new.body_hash, new.id, expires_at, now];
    if tx.execute(sql, values).await? > 0 {
        return Ok(None);
    }
    let sql = "SELECT job_id, body_hash FROM idempotency WHERE owner = $1 AND key = $2";
    tx.fetch_optional(sql, values![new.owner, key]).await
}

/// Inserts the job, what it takes, and its place among those whom the pump serves; none if the id is taken.
pub(super) async fn insert_row(tx: &mut Writing, new: &NewJob) -> Result<Option<JobRow>, Error> {
    let spec = to_json("the request of a job", &new.spec)?;
    let search = searchable(subject(&new.spec));
    let kind = new.spec.kind();
    let inserted: Option<JobRow> = tx
        .fetch_optional(
            INSERT_JOB,
            values![
                new.id.0,
                kind.as_str(),
                kind.worker_kind().as_str(),
                new.max_attempts,
                u32::from(new.priority.rank()),
                micros(new.submitted_at),
                &new.owner,
                new.spec.model().unwrap_or_default(),
                &spec,
                &search,
                new.traceparent.as_deref(),
                &new.body_hash,
                new.group.map(|group| group.id.0),
                new.group.and_then(|group| group.cell).map(i64::from),
            ],
        )
        .await?;
    if inserted.is_some() {
        add_inputs(tx, new).await?;
        add_turn(tx, new.id.0).await?;
    }
    Ok(inserted)
}

/// Returns what a search for a job looks at.
fn subject(spec: &JobSpec) -> &str {
    match spec {
        JobSpec::ContactSheet(sheet) => &sheet.title,
        other => other.painting().map_or("", |painting| &painting.prompt),
    }
}

/// Notes which assets a job takes: they stay as long as it may need them, and what it makes descends from them.
async fn add_inputs(tx: &mut Writing, new: &NewJob) -> Result<(), Error> {
    for ((_, asset), place) in new.spec.inputs().into_iter().zip(0_i64..) {
        let sql = "INSERT INTO job_inputs (job_id, place, asset_id) VALUES ($1, $2, $3)";
        tx.execute(sql, values![new.id.0, place, asset.0]).await?;
    }
    Ok(())
}

/// Gives the owner of a job a place among those whom the pump serves in turn.
pub(super) async fn add_turn(tx: &mut Writing, id: Uuid) -> Result<(), Error> {
    let sql = "INSERT INTO turns (worker_kind, rank, owner, served_at) \
               SELECT worker_kind, rank, owner, 0 FROM jobs WHERE id = $1 \
               ON CONFLICT (worker_kind, rank, owner) DO NOTHING";
    tx.execute(sql, values![id]).await.map(drop)
}

/// Returns a job as a transaction sees it.
pub(super) async fn job_as_it_is(tx: &mut Writing, id: Uuid) -> Result<Option<Job>, Error> {
    tx.fetch_optional::<JobRow>(FIND_JOB, values![id]).await?.map(Job::try_from).transpose()
}
