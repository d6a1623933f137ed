//! `atelier cancel`: ends jobs that wait or run.

use clap::Args;
use contract::{JobId, job::Job};

use crate::{
    client::{Client, Error},
    exit::Exit,
    output::Output,
};

#[derive(Args)]
pub(crate) struct Options {
    /// Which jobs.
    #[arg(required = true)]
    ids: Vec<JobId>,
}

pub(crate) async fn cancel(client: &Client, options: &Options, output: Output) -> Result<Exit, Error> {
    let mut jobs = Vec::new();
    for id in &options.ids {
        jobs.push(client.cancel_job(*id).await?);
    }
    output.result(&jobs, |jobs| jobs.iter().map(describe).collect::<Vec<_>>().join("\n"));
    Ok(Exit::Done)
}

fn describe(job: &Job) -> String {
    match job.state {
        state if state.is_end() => format!("{} {}", state.as_str(), job.id),
        _ => format!("asked to stop {}", job.id),
    }
}
