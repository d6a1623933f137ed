//! `atelier list`: jobs, the newest first.

use contract::{job::Job, page::Page, spec::JobSpec};
use reqwest::Method;
use serde_json::json;

use crate::{client::Client, failure::Failure, show, table, words};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only jobs in this state: queued, running, succeeded, failed, cancelled, dead. May be repeated.
    #[arg(long)]
    state: Vec<String>,
    /// Only jobs of this kind. May be repeated.
    #[arg(long)]
    kind: Vec<String>,
    /// Only jobs whose prompt contains this.
    #[arg(long)]
    text: Option<String>,
    /// How many at most.
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// Where the page before ended.
    #[arg(long)]
    cursor: Option<String>,
}

/// Prints one page of jobs.
pub(crate) async fn run(client: &Client, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let mut query: Vec<(&str, String)> = vec![("limit", arguments.limit.to_string())];
    query.extend(arguments.state.iter().map(|state| ("state", state.clone())));
    query.extend(arguments.kind.iter().map(|kind| ("kind", kind.clone())));
    query.extend(arguments.text.iter().map(|text| ("text", text.clone())));
    query.extend(arguments.cursor.iter().map(|cursor| ("cursor", cursor.clone())));
    let page: Page<Job> = client.receive(client.request(Method::GET, "/api/jobs").query(&query)).await?;
    if json {
        println!("{}", json!(page));
        return Ok(());
    }
    if page.data.is_empty() {
        eprintln!("no jobs. `atelier submit \"a lighthouse at dawn\"` makes one.");
        return Ok(());
    }
    let rows: Vec<_> = page.data.iter().map(row).collect();
    table::print(["job", "submitted (UTC)", "state", "prompt"], &rows);
    if let Some(cursor) = page.next_cursor {
        eprintln!("there are more: --cursor {cursor}");
    }
    Ok(())
}

fn row(job: &Job) -> [String; 4] {
    let JobSpec::TextToImage(spec) = &job.spec;
    [job.id.to_string(), words::moment(job.submitted_at), show::sentence(job), words::excerpt(&spec.prompt, 60)]
}
