//! The cells of a group, as far as people want to see them in its grid.

use contract::{
    GroupId, JobId,
    asset::AssetRef,
    job::{Failure, Job, JobState},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::first_asset;
use crate::db::{
    Db, Error,
    connection::values,
    row::{JobRow, count, from_json, from_micros, job_columns, state_for_people},
};

const FIND_CELL: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE group_id = $1 AND cell = $2");

/// A cell as it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CellJob {
    pub(crate) cell: u32,
    pub(crate) job_id: JobId,
    pub(crate) state: JobState,
    pub(crate) started_at: Option<OffsetDateTime>,
    pub(crate) ended_at: Option<OffsetDateTime>,
    pub(crate) asset: Option<AssetRef>,
    pub(crate) failure: Option<Failure>,
}

#[derive(sqlx::FromRow)]
struct CellRow {
    id: Uuid,
    cell: i64,
    state: String,
    is_running: bool,
    result: Option<String>,
    failure: Option<String>,
    started_at: Option<i64>,
    ended_at: Option<i64>,
}

impl Db {
    /// Lists the cells of a group that are on record, in their order.
    pub(crate) async fn list_cells(&self, id: GroupId) -> Result<Vec<CellJob>, Error> {
        let sql = "SELECT id, cell, state, is_running, result, failure, started_at, ended_at FROM jobs \
                   WHERE group_id = $1 AND cell IS NOT NULL ORDER BY cell";
        let rows: Vec<CellRow> = self.fetch_all("list the cells of a group", sql, values![id.0]).await?;
        rows.into_iter().map(CellJob::try_from).collect()
    }

    /// Returns the job of a cell.
    pub(crate) async fn find_cell(&self, id: GroupId, cell: u32) -> Result<Option<Job>, Error> {
        let row = self.fetch_optional::<JobRow>("find a cell of a group", FIND_CELL, values![id.0, cell]).await?;
        row.map(Job::try_from).transpose()
    }
}

impl TryFrom<CellRow> for CellJob {
    type Error = Error;
    fn try_from(row: CellRow) -> Result<Self, Error> {
        Ok(Self {
            cell: count(row.cell),
            job_id: JobId(row.id),
            state: state_for_people(&row.state, row.is_running)?,
            started_at: row.started_at.map(from_micros).transpose()?,
            ended_at: row.ended_at.map(from_micros).transpose()?,
            asset: row.result.map(|text| first_asset(&text)).transpose()?.flatten(),
            failure: row.failure.map(|text| from_json("the failure of a job", &text)).transpose()?,
        })
    }
}
