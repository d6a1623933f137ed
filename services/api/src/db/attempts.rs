//! Attempts: which worker took a job, when, and how that ended.

use contract::{JobId, job::Attempt};

use super::{
    Db, Error,
    connection::values,
    row::{count, from_json, from_micros},
};

#[derive(sqlx::FromRow)]
struct AttemptRow {
    number: i64,
    worker: String,
    started_at: i64,
    ended_at: Option<i64>,
    outcome: Option<String>,
    failure: Option<String>,
}

impl TryFrom<AttemptRow> for Attempt {
    type Error = Error;
    fn try_from(row: AttemptRow) -> Result<Self, Error> {
        Ok(Self {
            number: count(row.number),
            worker: row.worker,
            started_at: from_micros(row.started_at)?,
            ended_at: row.ended_at.map(from_micros).transpose()?,
            outcome: row.outcome,
            failure: row.failure.map(|text| from_json("the failure of an attempt", &text)).transpose()?,
        })
    }
}

impl Db {
    /// Lists the attempts of a job, oldest first. A person's retry counts from 1 again.
    pub async fn list_attempts(&self, id: JobId) -> Result<Vec<Attempt>, Error> {
        let sql = "SELECT number, worker, started_at, ended_at, outcome, failure FROM attempts WHERE job_id = $1 \
                   ORDER BY generation, number, started_at, worker";
        let rows: Vec<AttemptRow> = self.fetch_all("list the attempts of a job", sql, values![id.0]).await?;
        rows.into_iter().map(Attempt::try_from).collect()
    }
}
