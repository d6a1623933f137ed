//! The end of a publication: what became of the job, its attempt and its files, in one transaction.

use contract::{
    JobId,
    event::JobChange,
    job::{Failure, JobState},
    result::JobResult,
};
use uuid::Uuid;

use super::{
    Db, Error,
    assets::{NewAsset, inputs, insert},
    connection::{Writing, values},
    costs,
    jobs::job_as_it_is,
    row::{count, micros, to_json},
    taggings,
};
use crate::failpoint;

/// What a worker, or the queue itself, said about the end of a publication.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(crate) job_id: JobId,
    pub(crate) generation: u64,
    /// Attempts used by now; 0 where nobody counted.
    pub(crate) attempts: u32,
    /// Who ran it last.
    pub(crate) worker: Option<String>,
    /// How the attempt ended, as attempts name it.
    pub(crate) outcome: &'static str,
}

/// Where the job stands when the report comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) attempts: u32,
    pub(crate) max_attempts: u32,
    pub(crate) crashes: u32,
    pub(crate) cancel_requested: bool,
}

/// What becomes of the job.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "there are few at a time, and they are passed on at once")]
pub(crate) enum Verdict {
    Succeeded(JobResult),
    Failed(Failure),
    Cancelled,
    Dead(Failure),
    /// It waits for another attempt, until this time.
    Again {
        failure: Failure,
        crashes: u32,
        run_at: i64,
    },
}

#[derive(sqlx::FromRow)]
struct StandingRow {
    state: String,
    generation: i64,
    attempts: i64,
    max_attempts: i64,
    crashes: i64,
    cancel_requested: bool,
    owner: String,
    model: String,
}

impl Db {
    /// Concludes publications in one transaction: each report is judged against where its job stands now.
    /// Returns what to tell the watchers, without jobs that have moved on since.
    /// A report that was concluded before says the same again, since nobody knows how far the first time went.
    pub(crate) async fn conclude<T: Sync>(
        &self,
        reports: &[(Report, T)],
        now: i64,
        judge: impl Fn(&T, Standing) -> Verdict + Send + Sync,
    ) -> Result<Vec<(JobId, JobChange)>, Error> {
        let mut tx = self.begin("record the ends of jobs").await?;
        // In the order of ids, so that two instances with the same reports do not wait for each other.
        let mut reports: Vec<&(Report, T)> = reports.iter().collect();
        reports.sort_by_key(|(report, _)| (report.job_id, report.generation));
        let mut changes = Vec::with_capacity(reports.len());
        for (report, reason) in reports {
            let change = conclude_one(&mut tx, report, now, |standing| judge(reason, standing)).await?;
            changes.extend(change.map(|change| (report.job_id, change)));
        }
        failpoint::pass("mid_project");
        tx.commit().await?;
        Ok(changes)
    }
}

async fn conclude_one(
    tx: &mut Writing,
    report: &Report,
    now: i64,
    judge: impl FnOnce(Standing) -> Verdict + Send,
) -> Result<Option<JobChange>, Error> {
    let id = report.job_id.0;
    let sql = "SELECT state, generation, attempts, max_attempts, crashes, cancel_requested, owner, model FROM jobs \
               WHERE id = $1";
    let Some(row) = tx.fetch_optional::<StandingRow>(sql, values![id]).await? else { return Ok(None) };
    if u64::try_from(row.generation) != Ok(report.generation) {
        return Ok(None);
    }
    if row.state != "published" {
        return past_end(tx, id).await;
    }
    let standing = Standing {
        attempts: count(row.attempts).max(report.attempts),
        max_attempts: count(row.max_attempts),
        crashes: count(row.crashes),
        cancel_requested: row.cancel_requested,
    };
    let verdict = judge(standing);
    if !update_job(tx, report, &verdict, standing, now).await? {
        return Ok(None);
    }
    close_attempt(tx, report, &verdict, now).await?;
    if let Verdict::Succeeded(result) = &verdict {
        if let Some(cost) = result.cost.as_ref().filter(|_| !row.model.is_empty()) {
            costs::learn(tx, &row.model, cost, now).await?;
        }
        let parents: Vec<_> = inputs(tx, id).await?.into_iter().map(|input| input.id).collect();
        for file in &result.assets {
            let asset = NewAsset {
                file: file.clone(),
                job_id: Some(report.job_id),
                parents: parents.clone(),
                owner: row.owner.clone(),
                created_at: result.timeline.stored_at,
            };
            insert(tx, &asset).await?;
        }
        taggings::expect(tx, id).await?;
    }
    Ok(Some(verdict.into_change()))
}

/// Returns what was told when the job ended.
async fn past_end(tx: &mut Writing, id: Uuid) -> Result<Option<JobChange>, Error> {
    let Some(job) = job_as_it_is(tx, id).await? else { return Ok(None) };
    Ok(match (job.state, job.result, job.failure) {
        (JobState::Succeeded, Some(result), _) => Some(JobChange::Succeeded { result }),
        (JobState::Failed, _, Some(failure)) => Some(JobChange::Failed { failure }),
        (JobState::Dead, _, Some(failure)) => Some(JobChange::Dead { failure }),
        (JobState::Cancelled, ..) => Some(JobChange::Cancelled),
        _ => None,
    })
}

async fn update_job(
    tx: &mut Writing,
    report: &Report,
    verdict: &Verdict,
    standing: Standing,
    now: i64,
) -> Result<bool, Error> {
    let (state, result, failure, crashes, run_at) = match verdict {
        Verdict::Succeeded(result) => ("succeeded", Some(result), None, standing.crashes, None),
        Verdict::Failed(failure) => ("failed", None, Some(failure), standing.crashes, None),
        Verdict::Cancelled => ("cancelled", None, None, standing.crashes, None),
        Verdict::Dead(failure) => ("dead", None, Some(failure), standing.crashes, None),
        Verdict::Again { failure, crashes, run_at } => ("queued", None, Some(failure), *crashes, Some(*run_at)),
    };
    let ended_at = if run_at.is_some() { None } else { Some(now) };
    // Who never saw the job begin learns it from the result.
    let started_at = result.map(|result| micros(result.timeline.leased_at));
    let result = result.map(|result| to_json("the result of a job", result)).transpose()?;
    let failure = failure.map(|failure| to_json("a failure", failure)).transpose()?;
    let sql = "UPDATE jobs SET state = $3, is_running = FALSE, attempts = $4, crashes = $5, result = $6, \
                  failure = $7, ended_at = $8, run_at = COALESCE($9, run_at), \
                  started_at = COALESCE(started_at, $10) \
               WHERE id = $1 AND generation = $2 AND state = 'published'";
    let values = values![
        report.job_id.0,
        i64::try_from(report.generation).unwrap_or(i64::MAX),
        state,
        standing.attempts,
        crashes,
        result.as_deref(),
        failure.as_deref(),
        ended_at,
        run_at,
        started_at,
    ];
    Ok(tx.execute(sql, values).await? > 0)
}

/// Writes down how the attempt ended; whoever else still seemed to run the job was lost.
async fn close_attempt(tx: &mut Writing, report: &Report, verdict: &Verdict, now: i64) -> Result<(), Error> {
    let id = report.job_id.0;
    if let Some(worker) = report.worker.as_deref().filter(|_| report.attempts > 0) {
        let (failure, started_at) = match verdict {
            Verdict::Succeeded(result) => (None, micros(result.timeline.leased_at)),
            Verdict::Failed(failure) | Verdict::Dead(failure) | Verdict::Again { failure, .. } => (Some(failure), now),
            Verdict::Cancelled => (None, now),
        };
        let failure = failure.map(|failure| to_json("a failure", failure)).transpose()?;
        let sql = "INSERT INTO attempts (job_id, generation, number, worker, started_at, ended_at, outcome, failure) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                   ON CONFLICT (job_id, generation, number, worker) DO UPDATE \
                   SET ended_at = excluded.ended_at, outcome = excluded.outcome, failure = excluded.failure";
        let generation = i64::try_from(report.generation).unwrap_or(i64::MAX);
        let values =
            values![id, generation, report.attempts, worker, started_at, now, report.outcome, failure.as_deref()];
        tx.execute(sql, values).await?;
    }
    let sql = "UPDATE attempts SET ended_at = $2, outcome = 'lost' WHERE job_id = $1 AND ended_at IS NULL";
    tx.execute(sql, values![id, now]).await.map(drop)
}

impl Verdict {
    fn into_change(self) -> JobChange {
        match self {
            Self::Succeeded(result) => JobChange::Succeeded { result },
            Self::Failed(failure) => JobChange::Failed { failure },
            Self::Cancelled => JobChange::Cancelled,
            Self::Dead(failure) => JobChange::Dead { failure },
            Self::Again { failure, .. } => JobChange::Retrying { failure },
        }
    }
}
