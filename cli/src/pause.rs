//! `atelier pause` and `atelier resume`: whether workers get anything new, or certain jobs.

use clap::{Args, builder::PossibleValuesParser};
use contract::{JobId, control::ChooseQueue, job::Job, page::Page, spec::WorkerKind, system::QueueDepth};

use crate::{
    client::{Client, Error},
    exit::Exit,
    output::Output,
    words,
};

#[derive(Args)]
pub(crate) struct Options {
    /// Only these waiting jobs; the whole queue without any.
    #[arg(value_name = "JOB")]
    ids: Vec<JobId>,
    /// Only for this kind of worker; for all of them without it.
    #[arg(long, conflicts_with = "ids", value_name = "KIND", value_parser = PossibleValuesParser::new(WorkerKind::ALL.iter().map(|kind| kind.as_str())))]
    worker: Option<String>,
}

impl Options {
    fn chosen(&self) -> ChooseQueue {
        ChooseQueue { worker_kind: self.worker.as_ref().and_then(|name| name.parse().ok()) }
    }
}

pub(crate) async fn pause(client: &Client, options: &Options, output: Output) -> Result<Exit, Error> {
    if options.ids.is_empty() {
        return Ok(show_queues(&client.pause_queue(&options.chosen()).await?, output));
    }
    let mut jobs = Vec::new();
    for id in &options.ids {
        jobs.push(client.pause_job(*id).await?);
    }
    Ok(show_jobs(&jobs, output))
}

pub(crate) async fn resume(client: &Client, options: &Options, output: Output) -> Result<Exit, Error> {
    if options.ids.is_empty() {
        return Ok(show_queues(&client.resume_queue(&options.chosen()).await?, output));
    }
    let mut jobs = Vec::new();
    for id in &options.ids {
        jobs.push(client.resume_job(*id).await?);
    }
    Ok(show_jobs(&jobs, output))
}

fn show_queues(queues: &Page<QueueDepth>, output: Output) -> Exit {
    output.result(queues, |queues| table(&queues.data));
    Exit::Done
}

fn show_jobs(jobs: &[Job], output: Output) -> Exit {
    output.result(&jobs, |jobs| {
        jobs.iter().map(|job| format!("{} {}", words::state(job), job.id)).collect::<Vec<_>>().join("\n")
    });
    Exit::Done
}

fn table(queues: &[QueueDepth]) -> String {
    queues.iter().map(row).collect::<Vec<_>>().join("\n")
}

fn row(queue: &QueueDepth) -> String {
    let state = if queue.is_paused { "paused" } else { "goes on" };
    format!("{:<8} {state:<8} {} waiting, {} running", queue.worker_kind.as_str(), queue.queued, queue.running)
}

/// Says that jobs wait because somebody paused the queue; nothing if nobody did.
pub(crate) fn notice(queues: &[QueueDepth]) -> Option<String> {
    let paused: Vec<_> =
        queues.iter().filter(|queue| queue.is_paused).map(|queue| queue.worker_kind.as_str()).collect();
    (!paused.is_empty()).then(|| format!("the queue is paused ({}): `atelier resume` lets it go on", paused.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_jobs_are_named_or_workers() {
        use clap::Parser;
        let id = "01980000-0000-7000-8000-000000000001";
        let parses = |arguments: &[&str]| {
            crate::arguments::Arguments::try_parse_from([&["atelier", "pause"], arguments].concat()).is_ok()
        };
        assert!(parses(&[]) && parses(&[id, id]) && parses(&["--worker", "sd"]));
        assert!(!parses(&[id, "--worker", "sd"]) && !parses(&["sd"]));
    }

    fn queue(is_paused: bool) -> QueueDepth {
        QueueDepth { worker_kind: WorkerKind::Sd, queued: 3, running: 1, oldest_queued_s: 9, is_paused }
    }

    #[test]
    fn a_paused_queue_is_called_so_and_another_needs_no_words() {
        assert_eq!(table(&[queue(true)]), "sd       paused   3 waiting, 1 running");
        assert_eq!(notice(&[queue(true)]).unwrap(), "the queue is paused (sd): `atelier resume` lets it go on");
        assert_eq!(notice(&[queue(false)]), None);
    }
}
