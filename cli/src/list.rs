//! `atelier list`: jobs, the newest first.

use clap::Args;
use contract::{
    job::{Job, JobState},
    page::Page,
    spec::JobKind,
};
use time::OffsetDateTime;

use crate::{
    client::{Client, Error},
    exit::Exit,
    output::Output,
    pause, words,
};

const SUBJECT_LETTERS: usize = 48;

#[derive(Args)]
pub(crate) struct Options {
    /// Only jobs in this state; may be given several times.
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(JobState::ALL.iter().map(|state| state.as_str())))]
    state: Vec<String>,
    /// Only jobs of this kind; may be given several times.
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(JobKind::ALL.iter().map(|kind| kind.as_str())))]
    kind: Vec<String>,
    /// Only jobs with these words in the prompt.
    #[arg(long)]
    text: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Where the page before ended: the cursor that it printed.
    #[arg(long)]
    cursor: Option<String>,
}

impl Options {
    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![("limit", self.limit.to_string())];
        query.extend(self.state.iter().map(|state| ("state", state.clone())));
        query.extend(self.kind.iter().map(|kind| ("kind", kind.clone())));
        query.extend(self.text.iter().map(|text| ("text", text.clone())));
        query.extend(self.cursor.iter().map(|cursor| ("cursor", cursor.clone())));
        query
    }
}

pub(crate) async fn list(client: &Client, options: &Options, output: Output) -> Result<Exit, Error> {
    let page = client.list_jobs(&options.query()).await?;
    // The one clock here that needs no moving: the age is only shown.
    #[allow(clippy::disallowed_methods, reason = "shown to a person, decides nothing")]
    let now = OffsetDateTime::now_utc();
    output.result(&page, |page| table(page, now));
    // Who sees jobs wait wants to know that. An older server cannot say, and the list is no worse for it.
    if page.data.iter().any(|job| job.state == JobState::Queued)
        && !output.is_json()
        && let Ok(queues) = client.list_queues().await
        && let Some(notice) = pause::notice(&queues.data)
    {
        output.note(&notice);
    }
    Ok(Exit::Done)
}

fn table(page: &Page<Job>, now: OffsetDateTime) -> String {
    if page.data.is_empty() {
        return "there are no such jobs".into();
    }
    let mut lines: Vec<_> = page.data.iter().map(|job| row(job, now)).collect();
    if let Some(cursor) = &page.next_cursor {
        lines.push(format!("there are more: --cursor {cursor}"));
    }
    lines.join("\n")
}

fn row(job: &Job, now: OffsetDateTime) -> String {
    let progress =
        job.progress.as_ref().map(|progress| format!(" {:.0} %", progress.fraction * 100.0)).unwrap_or_default();
    format!(
        "{}  {:<14} {:>8} ago  {}",
        job.id,
        format!("{}{progress}", words::state(job)),
        words::span(now - job.submitted_at),
        words::subject(job, SUBJECT_LETTERS)
    )
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::timeline::tests::finished_job;

    #[test]
    fn a_row_says_which_how_when_and_what() {
        let row = row(&finished_job(), datetime!(2026-01-02 03:05:35 UTC));
        assert_eq!(row, "01980000-0000-7000-8000-000000000001  succeeded          90 s ago  a lighthouse at dawn");
    }

    #[test]
    fn a_page_that_is_not_the_last_says_how_to_go_on() {
        let page = Page { data: vec![finished_job()], next_cursor: Some("c1".into()), has_more: true };
        assert!(table(&page, OffsetDateTime::UNIX_EPOCH).ends_with("there are more: --cursor c1"));
    }

    #[test]
    fn filters_are_sent_as_they_were_given() {
        let options = Options {
            state: vec!["failed".into(), "dead".into()],
            kind: vec![],
            text: Some("sea".into()),
            limit: 5,
            cursor: None,
        };
        let query: Vec<_> = options.query().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(query.join("&"), "limit=5&state=failed&state=dead&text=sea");
    }
}
