//! Lists of jobs, newest first.
//!
//! A page costs the same wherever it lies: it begins behind a cursor, never at an offset.
//! Each (state, kind) that the filter allows is a short walk down one index; the page is what lies on top of all of them.
//! The text filter is a plain LIKE over the lower-cased prompt. It looks at a bounded number of jobs for a page:
//! a rare word gives short pages with a cursor to go on from, and never a slow one.

use contract::{
    GroupId,
    job::{Job, JobState},
    page::Page,
    spec::JobKind,
};
use sqlx::AssertSqlSafe;
use tracing::warn;
use uuid::Uuid;

use super::{
    Cursor, Db, Error,
    connection::{Value, values},
    row::{JobRow, job_columns},
};

/// How many jobs a page with a text filter looks at: some five milliseconds.
const TEXT_REACH: i64 = 5_000;

/// Which jobs a list shows. An empty list of states or kinds means all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only these states.
    pub states: Vec<JobState>,
    /// Only these kinds.
    pub kinds: Vec<JobKind>,
    /// Only jobs whose prompt contains this text, whatever its case.
    pub text: Option<String>,
    /// Only jobs of this group.
    pub group: Option<GroupId>,
}

impl Db {
    /// Lists jobs, newest first. With a text filter a page may hold fewer rows than asked for while more follow.
    pub async fn list_jobs(&self, filter: &JobFilter, after: Option<Cursor>, limit: u32) -> Result<Page<Job>, Error> {
        let start = after.unwrap_or(Cursor::NEWEST);
        let reach = match &filter.text {
            Some(_) => self.end_of_reach(start).await?,
            None => None,
        };
        let end = reach.unwrap_or(Cursor::OLDEST);
        let pattern = contains(&searchable(filter.text.as_deref().unwrap_or_default()));
        let mut values = values![start.at_us, start.id, end.at_us, end.id, i64::from(limit) + 1].to_vec();
        if filter.text.is_some() {
            values.push(Value::from(&pattern));
        }
        if let Some(group) = filter.group {
            values.push(Value::from(group.0));
        }
        let mut rows: Vec<JobRow> = self.fetch_all("list jobs", AssertSqlSafe(statement(filter)), &values).await?;
        let more_found = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next =
            if more_found { rows.last().map(|row| Cursor { at_us: row.submitted_at, id: row.id }) } else { reach };
        let data = rows.into_iter().filter_map(readable).collect();
        Ok(Page { data, has_more: next.is_some(), next_cursor: next.map(|cursor| cursor.to_string()) })
    }

    /// Returns the last job that a text filter looks at for this page; none if it reaches the end of the list.
    async fn end_of_reach(&self, start: Cursor) -> Result<Option<Cursor>, Error> {
        // An offset is cheap here: it is bounded, and the index alone answers it.
        let sql = "SELECT submitted_at, id FROM jobs WHERE (submitted_at, id) < ($1, $2) \
                   ORDER BY submitted_at DESC, id DESC LIMIT 1 OFFSET $3";
        let values = values![start.at_us, start.id, TEXT_REACH - 1];
        let row = self.fetch_optional::<(i64, Uuid)>("list jobs by text", sql, values).await?;
        Ok(row.map(|(at_us, id)| Cursor { at_us, id }))
    }
}

/// Returns a job, or nothing and a warning if its row is beyond this version: one row must not hide a whole page.
fn readable(row: JobRow) -> Option<Job> {
    let id = row.id;
    Job::try_from(row).map_err(|error| warn!(job.id = %id, "job {id} is left out of a list: {error}")).ok()
}

/// Returns the statement of a filter. It is assembled from constants; every value is bound.
fn statement(filter: &JobFilter) -> String {
    let text = if filter.text.is_some() { r" AND search LIKE $6 ESCAPE '\'" } else { "" };
    let group = match (filter.group, &filter.text) {
        (None, _) => "",
        (Some(_), None) => " AND group_id = $6",
        (Some(_), Some(_)) => " AND group_id = $7",
    };
    let range = format!("(submitted_at, id) < ($1, $2) AND (submitted_at, id) >= ($3, $4){group}");
    let order = "ORDER BY submitted_at DESC, id DESC LIMIT $5";
    let all_states = filter.states.is_empty() || JobState::ALL.iter().all(|state| filter.states.contains(state));
    let all_kinds = filter.kinds.is_empty() || JobKind::ALL.iter().all(|kind| filter.kinds.contains(kind));
    if all_states && all_kinds {
        return format!("SELECT {} FROM jobs WHERE {range}{text} {order}", job_columns!());
    }
    let kinds = if all_kinds { JobKind::ALL } else { &filter.kinds };
    let states = if all_states { JobState::ALL } else { &filter.states };
    let walks: Vec<String> = states
        .iter()
        .flat_map(|state| walks_of(*state))
        .flat_map(|state| kinds.iter().map(move |kind| format!("{state} AND kind = '{}'", kind.as_str())))
        .map(|lane| {
            format!("SELECT * FROM (SELECT submitted_at, id FROM jobs WHERE {lane} AND {range}{text} {order}) AS walk")
        })
        .collect();
    format!(
        "SELECT {} FROM (SELECT submitted_at, id FROM ({}) AS walks {order}) AS page JOIN jobs ON jobs.id = page.id \
         ORDER BY page.submitted_at DESC, page.id DESC",
        job_columns!(),
        walks.join(" UNION ALL ")
    )
}

/// Returns the conditions in SQL for a state as people see it.
fn walks_of(state: JobState) -> Vec<String> {
    match state {
        JobState::Queued => vec!["state = 'queued'".to_owned(), "state = 'published' AND NOT is_running".to_owned()],
        JobState::Running => vec!["state = 'published' AND is_running".to_owned()],
        ended => vec![format!("state = '{}'", ended.as_str())],
    }
}

/// Returns a text as it is searched: in lower case, and without the character that PostgreSQL does not store.
pub(super) fn searchable(text: &str) -> String {
    text.to_lowercase().replace('\0', " ")
}

/// Returns the pattern of texts that contain this one literally.
fn contains(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_with_a_meaning_in_patterns_are_searched_literally() {
        assert_eq!(contains(r"50%_a\b"), r"%50\%\_a\\b%");
    }

    #[test]
    fn a_filter_that_allows_everything_is_no_filter() {
        let all = JobFilter { states: JobState::ALL.to_vec(), kinds: JobKind::ALL.to_vec(), ..JobFilter::default() };
        assert_eq!(statement(&all), statement(&JobFilter::default()));
    }
}
