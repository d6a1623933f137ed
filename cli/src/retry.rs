//! `atelier retry`: gives jobs that failed, died or were cancelled another life.

use clap::Args;
use contract::JobId;

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

pub(crate) async fn retry(client: &Client, options: &Options, output: Output) -> Result<Exit, Error> {
    let mut jobs = Vec::new();
    for id in &options.ids {
        jobs.push(client.retry_job(*id).await?);
    }
    output.result(&jobs, |jobs| {
        jobs.iter().map(|job| format!("{} {}", job.state.as_str(), job.id)).collect::<Vec<_>>().join("\n")
    });
    Ok(Exit::Done)
}
