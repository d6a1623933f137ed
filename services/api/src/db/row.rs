//! How jobs rest in their table.

use contract::{
    GroupId, JobId,
    job::{Job, JobState, Priority},
    spec::JobSpec,
};
use serde::{Serialize, de::DeserializeOwned};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Error;

/// The columns that make a [`Job`], as a literal that constants can be built from.
macro_rules! job_columns {
    () => {
        "jobs.id, jobs.state, jobs.is_running, jobs.cancel_requested, jobs.paused, jobs.attempts, jobs.max_attempts, jobs.priority, \
         jobs.spec, jobs.result, jobs.failure, jobs.submitted_at, jobs.started_at, jobs.ended_at, \
         jobs.group_id, jobs.cell"
    };
}
pub(super) use job_columns;

/// A row of these columns.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct JobRow {
    pub(super) id: Uuid,
    state: String,
    is_running: bool,
    cancel_requested: bool,
    paused: bool,
    attempts: i64,
    max_attempts: i64,
    priority: i64,
    spec: String,
    result: Option<String>,
    failure: Option<String>,
    pub(super) submitted_at: i64,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    pub(super) group_id: Option<Uuid>,
    pub(super) cell: Option<i64>,
}

impl TryFrom<JobRow> for Job {
    type Error = Error;
    fn try_from(row: JobRow) -> Result<Self, Error> {
        let spec: JobSpec = from_json("the request of a job", &row.spec)?;
        let state = state_for_people(&row.state, row.is_running)?;
        Ok(Self {
            id: JobId(row.id),
            kind: spec.kind(),
            state,
            spec,
            priority: priority(row.priority),
            cancel_requested: row.cancel_requested,
            paused: row.paused && state == JobState::Queued,
            attempts: count(row.attempts),
            max_attempts: count(row.max_attempts),
            submitted_at: from_micros(row.submitted_at)?,
            started_at: row.started_at.map(from_micros).transpose()?,
            ended_at: row.ended_at.map(from_micros).transpose()?,
            position: None,
            waits_for: None,
            progress: None,
            result: row.result.map(|text| from_json("the result of a job", &text)).transpose()?,
            tags: Vec::new(),
            failure: row.failure.map(|text| from_json("the failure of a job", &text)).transpose()?,
            group_id: row.group_id.map(GroupId),
            cell: row.cell.map(count),
        })
    }
}

/// Returns the state as people see it: what is published runs once a worker has it.
pub(super) fn state_for_people(state: &str, is_running: bool) -> Result<JobState, Error> {
    match (state, is_running) {
        ("published", true) => Ok(JobState::Running),
        ("published", false) => Ok(JobState::Queued),
        _ => JobState::ALL
            .iter()
            .copied()
            .find(|known| known.as_str() == state)
            .ok_or_else(|| Error::Unreadable { what: "the state of a job", reason: format!("{state:?} is none") }),
    }
}

/// Returns a time as it rests in the tables.
pub(crate) fn micros(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX)
}

/// Returns a time from the tables.
pub(super) fn from_micros(at: i64) -> Result<OffsetDateTime, Error> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1000)
        .map_err(|_| Error::Unreadable { what: "a time", reason: format!("{at} microseconds") })
}

/// Returns a duration in the unit of the tables.
pub(crate) fn duration_micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Returns a number of the tables that never exceeds 32 bits.
pub(super) fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(if number < 0 { 0 } else { u32::MAX })
}

/// Returns a generation from the tables, where it is never negative.
pub(super) fn generation(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Returns the priority of a rank in the tables.
pub(super) fn priority(rank: i64) -> Priority {
    Priority::from_rank(u8::try_from(rank).unwrap_or(u8::MAX))
}

/// Returns a document as it rests in the tables.
pub(super) fn to_json<T: Serialize + ?Sized>(what: &'static str, value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|source| Error::Encode { what, source })
}

/// Returns a document from the tables.
pub(super) fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| {
        let reason = format!("{:?} at line {}, column {}", error.classify(), error.line(), error.column());
        Error::Unreadable { what, reason }
    })
}
