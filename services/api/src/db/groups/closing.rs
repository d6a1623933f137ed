//! The end of a group: once no cell is open, with the contact sheet, in one transaction.

use contract::{AssetId, GroupId, JobId, group::GroupAxis, spec::JobSpec};
use time::OffsetDateTime;
use uuid::Uuid;

use super::first_asset;
use crate::{
    db::{
        Db, Error, Membership, NewJob,
        connection::values,
        jobs::insert_row,
        row::{count, from_json, micros, priority, to_json},
    },
    failpoint,
    groups::contact_sheet,
};

#[derive(sqlx::FromRow)]
struct EndingRow {
    owner: String,
    title: Option<String>,
    base: String,
    axes: String,
    priority: i64,
    max_attempts: i64,
    wants_sheet: bool,
    cancel_requested: bool,
}

impl Db {
    /// Lists the groups that have not ended although none of their cells is open.
    pub async fn list_ending_groups(&self) -> Result<Vec<GroupId>, Error> {
        let sql = "SELECT id FROM job_groups WHERE ended_at IS NULL AND NOT EXISTS (SELECT 1 FROM jobs \
                   WHERE group_id = job_groups.id AND cell IS NOT NULL AND state IN ('queued', 'published'))";
        let rows: Vec<(Uuid,)> = self.fetch_all("list groups at their end", sql, &[]).await?;
        Ok(rows.into_iter().map(|(id,)| GroupId(id)).collect())
    }

    /// Ends a group none of whose cells is open, once; returns the job of its contact sheet if there is to be one.
    pub async fn end_group(&self, id: GroupId, at: OffsetDateTime) -> Result<Option<JobId>, Error> {
        let mut tx = self.begin("end a group").await?;
        // Only this locks the group; whether cells are open must be read behind it, or a retry could slip in between.
        let sql = "UPDATE job_groups SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL \
                   RETURNING owner, title, base, axes, priority, max_attempts, wants_sheet, cancel_requested";
        let Some(group) = tx.fetch_optional::<EndingRow>(sql, values![id.0, micros(at)]).await? else {
            return Ok(None);
        };
        let sql = "SELECT cell, state, result FROM jobs WHERE group_id = $1 AND cell IS NOT NULL ORDER BY cell";
        let cells: Vec<(i64, String, Option<String>)> = tx.fetch_all(sql, values![id.0]).await?;
        if cells.iter().any(|(_, state, _)| matches!(state.as_str(), "queued" | "published")) {
            return Ok(None);
        }
        let mut sheet = None;
        if group.wants_sheet && !group.cancel_requested {
            sheet = group.sheet(id, cells, at)?;
        }
        if let Some(sheet) = &sheet {
            insert_row(&mut tx, sheet).await?;
            let sql = "UPDATE job_groups SET sheet_job_id = $2 WHERE id = $1";
            tx.execute(sql, values![id.0, sheet.id.0]).await?;
        }
        failpoint::pass("mid_group_end");
        tx.commit().await?;
        Ok(sheet.map(|sheet| sheet.id))
    }
}

impl EndingRow {
    /// Returns the job that draws the contact sheet; none if there is too little to see.
    fn sheet(
        self,
        id: GroupId,
        cells: Vec<(i64, String, Option<String>)>,
        at: OffsetDateTime,
    ) -> Result<Option<NewJob>, Error> {
        let axes: Vec<GroupAxis> = from_json("the axes of a group", &self.axes)?;
        let mut pictures: Vec<Option<AssetId>> = vec![None; crate::groups::Shape::of(&axes).cells()];
        for (cell, _, result) in cells {
            let picture = result.map(|text| first_asset(&text)).transpose()?.flatten();
            let place = usize::try_from(cell).ok().and_then(|cell| pictures.get_mut(cell));
            if let (Some(place), Some(picture)) = (place, picture) {
                *place = Some(picture.id);
            }
        }
        let title = match self.title {
            Some(title) => title,
            None => prompt(&self.base)?,
        };
        let Some(sheet) = contact_sheet(&title, &axes, pictures) else { return Ok(None) };
        let spec = JobSpec::ContactSheet(sheet);
        let body_hash = blake3::hash(to_json("a contact sheet", &spec)?.as_bytes()).to_hex().to_string();
        Ok(Some(NewJob {
            id: JobId::new(),
            spec,
            priority: priority(self.priority),
            owner: self.owner,
            max_attempts: count(self.max_attempts),
            idempotency_key: None,
            body_hash,
            traceparent: None,
            submitted_at: at,
            group: Some(Membership { id, cell: None }),
        }))
    }
}

/// Returns the beginning of the prompt that the cells have in common.
fn prompt(base: &str) -> Result<String, Error> {
    const MOST_CHARACTERS: usize = 200;
    let base: serde_json::Value = from_json("what a group has in common", base)?;
    Ok(base["prompt"].as_str().unwrap_or_default().chars().take(MOST_CHARACTERS).collect())
}
