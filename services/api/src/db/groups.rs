//! Groups: insert and find. Their cells are jobs like any others.

mod cells;
mod changes;
mod closing;

use std::collections::HashMap;

use contract::{
    GroupId, JobId,
    group::{CellCounts, Group, GroupAxis, GroupProgress, ParentCell, Sheet},
    job::{JobState, Priority},
    page::Page,
    result::JobResult,
};
use serde_json::{Map, Value as Json};
use sqlx::AssertSqlSafe;
use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) use cells::CellJob;
pub use changes::CancelledGroup;
pub(super) use changes::revive_group;

use super::{
    Cursor, Db, Error, NewJob,
    connection::{Value, placeholders, values},
    jobs::{Naming, insert_row, remember_key},
    row::{count, from_json, from_micros, micros, priority, state_for_people, to_json},
};
use crate::{failpoint, groups::Shape};

/// A group that the front door has accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewGroup {
    /// Its name: the client's choice or a fresh one.
    pub id: GroupId,
    /// Whose it is.
    pub owner: String,
    /// What people call it.
    pub title: Option<String>,
    /// What all cells have in common.
    pub base: Map<String, Json>,
    /// What differs.
    pub axes: Vec<GroupAxis>,
    /// How urgent its jobs are.
    pub priority: Priority,
    /// After how many attempts a job of it is set aside.
    pub max_attempts: u32,
    /// Whether a contact sheet is made at the end.
    pub wants_sheet: bool,
    /// The cell that it explores.
    pub parent: Option<ParentCell>,
    /// The client's `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// A hash of the request, to tell a repetition from another group under the same key or id.
    pub body_hash: String,
    /// When it was accepted.
    pub created_at: OffsetDateTime,
    /// Its cells, in their order.
    pub cells: Vec<NewJob>,
}

/// What became of the submission of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmittedGroup {
    /// It is on record, with all its cells.
    New(GroupId),
    /// It was on record already: the same request came before.
    Same(GroupId),
    /// Its id or idempotency key belongs to another request.
    Mismatch,
}

#[derive(sqlx::FromRow)]
struct GroupRow {
    id: Uuid,
    title: Option<String>,
    base: String,
    axes: String,
    priority: i64,
    wants_sheet: bool,
    cancel_requested: bool,
    parent_id: Option<Uuid>,
    parent_cell: Option<i64>,
    created_at: i64,
    ended_at: Option<i64>,
    sheet_job_id: Option<Uuid>,
    sheet_state: Option<String>,
    sheet_is_running: Option<bool>,
    sheet_result: Option<String>,
}

/// What a group is read from; its contact sheet is the job that it names, if there still is one.
const SELECT_GROUP: &str = "SELECT job_groups.id, title, base, axes, job_groups.priority, wants_sheet, \
        job_groups.cancel_requested, parent_id, parent_cell, created_at, job_groups.ended_at, sheet.id AS sheet_job_id, \
        sheet.state AS sheet_state, sheet.is_running AS sheet_is_running, sheet.result AS sheet_result \
     FROM job_groups LEFT JOIN jobs AS sheet ON sheet.id = job_groups.sheet_job_id";

impl Db {
    /// Puts a group on record with all its cells, or nothing of it. A repetition finds the first one.
    pub async fn insert_group(&self, new: &NewGroup) -> Result<SubmittedGroup, Error> {
        let mut tx = self.begin("put a group on record").await?;
        if let Some(key) = &new.idempotency_key {
            let naming = Naming { id: new.id.0, owner: &new.owner, body_hash: &new.body_hash, at: new.created_at };
            match remember_key(&mut tx, &naming, key).await? {
                None => {}
                Some((earlier, body_hash)) if body_hash == new.body_hash => {
                    return Ok(SubmittedGroup::Same(GroupId(earlier)));
                }
                Some(_) => return Ok(SubmittedGroup::Mismatch),
            }
        }
        let sql = "INSERT INTO job_groups (id, owner, title, base, axes, priority, max_attempts, wants_sheet, \
                      body_hash, parent_id, parent_cell, created_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING";
        let (base, axes) =
            (to_json("what a group has in common", &new.base)?, to_json("the axes of a group", &new.axes)?);
        let values = values![
            new.id.0,
            &new.owner,
            new.title.as_deref(),
            &base,
            &axes,
            u32::from(new.priority.rank()),
            new.max_attempts,
            new.wants_sheet,
            &new.body_hash,
            new.parent.map(|parent| parent.group_id.0),
            new.parent.map(|parent| i64::from(parent.cell)),
            micros(new.created_at),
        ];
        if tx.execute(sql, values).await? == 0 {
            let sql = "SELECT owner, body_hash FROM job_groups WHERE id = $1";
            let first = tx.fetch_optional::<(String, String)>(sql, values![new.id.0]).await?;
            let is_same = first.is_some_and(|(owner, hash)| owner == new.owner && hash == new.body_hash);
            return Ok(if is_same { SubmittedGroup::Same(new.id) } else { SubmittedGroup::Mismatch });
        }
        for cell in &new.cells {
            insert_row(&mut tx, cell).await?;
        }
        failpoint::pass("mid_group_insert");
        tx.commit().await?;
        Ok(SubmittedGroup::New(new.id))
    }

    /// Returns what [`Db::insert_group`] would find under this id or idempotency key; none if the request is a new one.
    pub async fn find_submitted_group(
        &self,
        id: Option<GroupId>,
        owner: &str,
        idempotency_key: Option<&str>,
        body_hash: &str,
        now: OffsetDateTime,
    ) -> Result<Option<SubmittedGroup>, Error> {
        let sql = "SELECT id, owner, body_hash FROM job_groups WHERE id = $1";
        let found = self.find_earlier(sql, id.map(|id| id.0), owner, idempotency_key, now).await?;
        Ok(found.map(|(id, first_owner, first_hash)| {
            let is_same = first_owner == owner && first_hash == body_hash;
            if is_same { SubmittedGroup::Same(GroupId(id)) } else { SubmittedGroup::Mismatch }
        }))
    }

    /// Returns a group; how far its running cells are is not in SQL.
    pub async fn find_group(&self, id: GroupId) -> Result<Option<Group>, Error> {
        let sql = AssertSqlSafe(format!("{SELECT_GROUP} WHERE job_groups.id = $1"));
        let row = self.fetch_optional::<GroupRow>("find a group", sql, values![id.0]).await?;
        let Some(row) = row else { return Ok(None) };
        let mut counts = self.cell_counts(&[row.id]).await?;
        row.into_group(counts.remove(&id.0).unwrap_or_default()).map(Some)
    }

    /// Lists groups, newest first.
    pub async fn list_groups(&self, after: Option<Cursor>, limit: u32) -> Result<Page<Group>, Error> {
        let start = after.unwrap_or(Cursor::NEWEST);
        let sql = AssertSqlSafe(format!(
            "{SELECT_GROUP} WHERE (created_at, job_groups.id) < ($1, $2) \
             ORDER BY created_at DESC, job_groups.id DESC LIMIT $3"
        ));
        let values = values![start.at_us, start.id, i64::from(limit) + 1];
        let mut rows: Vec<GroupRow> = self.fetch_all("list groups", sql, values).await?;
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().map(|row| Cursor { at_us: row.created_at, id: row.id }.to_string());
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let mut counts = self.cell_counts(&ids).await?;
        let data = rows.into_iter().map(|row| {
            let counts = counts.remove(&row.id).unwrap_or_default();
            row.into_group(counts)
        });
        Ok(Page { data: data.collect::<Result<_, _>>()?, next_cursor: last.filter(|_| has_more), has_more })
    }

    /// Counts the cells of groups by where they stand.
    async fn cell_counts(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, CellCounts>, Error> {
        let mut counts: HashMap<Uuid, CellCounts> = HashMap::new();
        if ids.is_empty() {
            return Ok(counts);
        }
        let sql = format!(
            "SELECT group_id, state, is_running, COUNT(*) FROM jobs WHERE group_id IN ({}) AND cell IS NOT NULL \
             GROUP BY group_id, state, is_running",
            placeholders(1, ids.len())
        );
        let values: Vec<Value<'_>> = ids.iter().map(|id| Value::from(*id)).collect();
        let rows: Vec<(Uuid, String, bool, i64)> =
            self.fetch_all("count the cells of groups", AssertSqlSafe(sql), &values).await?;
        for (id, state, is_running, number) in rows {
            add(counts.entry(id).or_default(), state_for_people(&state, is_running)?, count(number));
        }
        Ok(counts)
    }
}

/// Adds so many cells that stand there.
pub(crate) fn add(counts: &mut CellCounts, state: JobState, number: u32) {
    let place = match state {
        JobState::Queued => &mut counts.queued,
        JobState::Running => &mut counts.running,
        JobState::Succeeded => &mut counts.succeeded,
        JobState::Failed => &mut counts.failed,
        JobState::Cancelled => &mut counts.cancelled,
        JobState::Dead => &mut counts.dead,
    };
    *place += number;
}

impl GroupRow {
    fn into_group(self, mut counts: CellCounts) -> Result<Group, Error> {
        let axes: Vec<GroupAxis> = from_json("the axes of a group", &self.axes)?;
        counts.cells = u32::try_from(Shape::of(&axes).cells()).unwrap_or(u32::MAX);
        let id = GroupId(self.id);
        let sheet = match (self.sheet_job_id, self.sheet_state) {
            (Some(job), Some(state)) => Some(Sheet {
                job_id: JobId(job),
                state: state_for_people(&state, self.sheet_is_running.unwrap_or(false))?,
                asset: self.sheet_result.map(|text| first_asset(&text)).transpose()?.flatten(),
            }),
            _ => None,
        };
        let open = counts.queued + counts.running;
        let progress = GroupProgress {
            group_id: id,
            counts,
            fraction: 1.0 - f64::from(open) / f64::from(counts.cells.max(1)),
            remaining_s: None,
            ended_at: self.ended_at.map(from_micros).transpose()?,
            contact_sheet: sheet,
        };
        Ok(Group {
            id,
            title: self.title,
            base: from_json("what a group has in common", &self.base)?,
            axes,
            contact_sheet: self.wants_sheet,
            priority: priority(self.priority),
            cancel_requested: self.cancel_requested,
            parent: self
                .parent_id
                .zip(self.parent_cell)
                .map(|(group, cell)| ParentCell { group_id: GroupId(group), cell: count(cell) }),
            created_at: from_micros(self.created_at)?,
            progress,
        })
    }
}

/// Returns the first file of a result.
fn first_asset(result: &str) -> Result<Option<contract::asset::AssetRef>, Error> {
    let result: JobResult = from_json("the result of a job", result)?;
    Ok(result.assets.into_iter().next())
}
