//! `atelier move`: puts a waiting job before or behind the others.

use clap::{Args, ValueEnum};
use contract::{
    JobId,
    job::{Job, MoveJob, Place},
};

use crate::{
    client::{Client, Error},
    exit::Exit,
    output::Output,
    words,
};

#[derive(Args)]
pub(crate) struct Options {
    /// Which job.
    id: JobId,
    /// Where to, among the waiting jobs of its kind and priority.
    #[arg(value_enum)]
    to: End,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum End {
    Front,
    Back,
}

pub(crate) async fn move_job(client: &Client, options: &Options, output: Output) -> Result<Exit, Error> {
    let to = match options.to {
        End::Front => Place::Front,
        End::Back => Place::Back,
    };
    let job = client.move_job(options.id, &MoveJob { to, priority: None }).await?;
    output.result(&job, describe);
    Ok(Exit::Done)
}

fn describe(job: &Job) -> String {
    let place = job.position.map(|position| format!(", {}", words::place(position))).unwrap_or_default();
    format!("{} {}{place}", job.state.as_str(), job.id)
}
