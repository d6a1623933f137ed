//! `atelier show`: one job with its timeline and its attempts.

use contract::{
    JobId,
    job::{Attempt, Job, JobState},
    page::Page,
    result::JobResult,
    spec::JobSpec,
};
use serde_json::json;

use crate::{client::Client, failure::Failure, table, words};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which job.
    id: JobId,
}

/// Prints the job.
pub(crate) async fn run(client: &Client, arguments: &Arguments, json: bool) -> Result<(), Failure> {
    let job: Job = client.get(&format!("/api/jobs/{}", arguments.id)).await?;
    let attempts: Page<Attempt> = client.get(&format!("/api/jobs/{}/attempts", arguments.id)).await?;
    if json {
        println!("{}", json!({"job": job, "attempts": attempts.data}));
        return Ok(());
    }
    println!("job        {}", job.id);
    println!("state      {}", sentence(&job));
    let JobSpec::TextToImage(spec) = &job.spec;
    println!("prompt     {}", spec.prompt);
    println!("model      {}", spec.model.as_deref().unwrap_or("(none)"));
    println!("size       {}x{}, {} steps, seed {}", spec.width, spec.height, spec.steps, spec.seed.unwrap_or_default());
    println!("submitted  {}", words::moment(job.submitted_at));
    if let Some(failure) = &job.failure {
        println!("reason     {}", failure.message);
        if let Some(remedy) = &failure.remedy {
            println!("           {remedy}");
        }
    }
    if let Some(result) = &job.result {
        for asset in &result.assets {
            println!("picture    {} ({}, {})", asset.id, asset.media_type, words::size(asset.size_bytes));
        }
        print_timeline(&job, result);
    }
    if attempts.data.len() > 1 || attempts.data.iter().any(|attempt| attempt.failure.is_some()) {
        println!();
        print_attempts(&attempts.data);
    }
    Ok(())
}

/// Prints when each part of the job was done, and how long it took.
pub(crate) fn print_timeline(job: &Job, result: &JobResult) {
    let timeline = &result.timeline;
    let ended = job.ended_at.map(|at| ("ended", at));
    let milestones = [
        ("submitted", job.submitted_at),
        ("leased", timeline.leased_at),
        ("loaded", timeline.loaded_at),
        ("sampled", timeline.sampled_at),
        ("stored", timeline.stored_at),
    ];
    println!("timeline (UTC)");
    let mut before = job.submitted_at;
    for (name, at) in milestones.into_iter().chain(ended) {
        println!("  {name:<10} {}  {}", words::time_of_day(at), words::difference(at - before));
        before = at;
    }
    println!("  the engine itself worked {}", words::span(timeline.engine_s));
}

/// Returns where a job stands, as a sentence without its full stop.
pub(crate) fn sentence(job: &Job) -> String {
    match (&job.state, &job.progress) {
        (JobState::Queued, _) if job.attempts > 0 => {
            format!("waiting for attempt {} of {}", job.attempts + 1, job.max_attempts)
        }
        (JobState::Queued, _) => "waiting for a worker".to_owned(),
        (JobState::Running, _) if job.cancel_requested => "being cancelled".to_owned(),
        (JobState::Running, Some(progress)) => format!("running, {:.0} % done", progress.fraction * 100.0),
        (state, _) => state.as_str().to_owned(),
    }
}

fn print_attempts(attempts: &[Attempt]) {
    let rows: Vec<_> = attempts
        .iter()
        .map(|attempt| {
            [
                attempt.number.to_string(),
                attempt.worker.clone(),
                words::moment(attempt.started_at),
                attempt.outcome.clone().unwrap_or_else(|| "running".to_owned()),
                attempt.failure.as_ref().map_or_else(String::new, |failure| words::excerpt(&failure.message, 80)),
            ]
        })
        .collect();
    table::print(["attempt", "worker", "started", "outcome", "reason"], &rows);
}
