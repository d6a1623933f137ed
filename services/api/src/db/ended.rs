//! What people do with many ended jobs at once: clear them away, or give them another try.
//!
//! Batch by batch, so that a million of them keep no other writer waiting.

use contract::{JobId, job::JobState, spec::JobKind};
use sqlx::AssertSqlSafe;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Cursor, Db, Error,
    changes::RETRY,
    connection::{Value, placeholders, values},
    groups::revive_group,
    jobs::add_turn,
    row::{JobRow, micros},
};

/// Which ended jobs are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedFilter {
    /// These ends; any other state means no job.
    pub states: Vec<JobState>,
    /// Only these kinds; all of them if it is empty.
    pub kinds: Vec<JobKind>,
    /// Only jobs that had ended before this.
    pub before: OffsetDateTime,
}

impl Db {
    /// Lists so many ended jobs, those submitted first before the others; and where to go on.
    pub async fn list_ended_jobs(
        &self,
        filter: &EndedFilter,
        after: Option<Cursor>,
        limit: u32,
    ) -> Result<(Vec<JobId>, Option<Cursor>), Error> {
        let walks = walks(filter);
        if walks.is_empty() {
            return Ok((Vec::new(), None));
        }
        let after = after.unwrap_or(Cursor::OLDEST);
        let sql = format!("SELECT * FROM ({}) AS walks ORDER BY submitted_at, id LIMIT $4", walks.join(" UNION ALL "));
        let values = values![after.at_us, after.id, micros(filter.before), limit];
        let rows: Vec<(i64, Uuid)> = self.fetch_all("list ended jobs", AssertSqlSafe(sql), values).await?;
        let last = rows.last().map(|(at_us, id)| Cursor { at_us: *at_us, id: *id });
        Ok((rows.into_iter().map(|(_, id)| JobId(id)).collect(), last))
    }

    /// Deletes the records of these jobs, unless they have come to life again since; returns how many there were.
    /// Their attempts go with them. The files that they made stay, and belong to no job from then on.
    pub async fn delete_ended_jobs(&self, ids: &[JobId], before: OffsetDateTime) -> Result<u64, Error> {
        if ids.is_empty() {
            return Ok(0);
        }
        let sql = format!(
            "DELETE FROM jobs WHERE id IN ({}) AND state IN ('succeeded', 'failed', 'cancelled', 'dead') \
             AND ended_at < $1",
            placeholders(2, ids.len())
        );
        let mut values = values![micros(before)].to_vec();
        values.extend(ids.iter().map(|id| Value::from(id.0)));
        self.execute("clear ended jobs away", AssertSqlSafe(sql), &values).await
    }

    /// Gives these jobs a new life where they failed, died or were cancelled; returns those that have one.
    pub async fn retry_jobs(&self, ids: &[JobId], at: OffsetDateTime) -> Result<Vec<JobId>, Error> {
        let mut tx = self.begin("retry jobs").await?;
        let mut ids = ids.to_vec();
        // Two people who retry the same jobs in the same order cannot wait for each other.
        ids.sort_unstable();
        let mut retried = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(row) = tx.fetch_optional::<JobRow>(RETRY, values![id.0, micros(at)]).await? {
                add_turn(&mut tx, id.0).await?;
                revive_group(&mut tx, &row).await?;
                retried.push(id);
            }
        }
        tx.commit().await?;
        Ok(retried)
    }
}

/// Returns a short walk down an index for each (state, kind). They are assembled from constants; every value is bound.
fn walks(filter: &EndedFilter) -> Vec<String> {
    let kinds = if filter.kinds.is_empty() { JobKind::ALL } else { &filter.kinds };
    let states = JobState::ALL.iter().filter(|state| state.is_end() && filter.states.contains(state));
    let lanes = states.flat_map(|state| {
        JobKind::ALL.iter().filter(|kind| kinds.contains(kind)).map(|kind| (state.as_str(), kind.as_str()))
    });
    // What was submitted later had not ended before; saying so lets the walk end there.
    lanes
        .map(|(state, kind)| {
            format!(
                "SELECT * FROM (SELECT submitted_at, id FROM jobs WHERE state = '{state}' AND kind = '{kind}' \
                 AND (submitted_at, id) > ($1, $2) AND submitted_at < $3 AND ended_at < $3 \
                 ORDER BY submitted_at, id LIMIT $4) AS walk"
            )
        })
        .collect()
}
