//! `atelier show`: everything about a job.

use clap::Args;
use contract::{
    JobId,
    job::{Attempt, Job, JobState},
};
use serde::Serialize;

use crate::{
    client::{Client, Error},
    exit::Exit,
    output::Output,
    timeline, words,
};

#[derive(Args)]
pub(crate) struct Options {
    /// Which job.
    id: JobId,
}

/// The document of `--json`.
#[derive(Serialize)]
struct Shown {
    job: Job,
    attempts: Vec<Attempt>,
}

pub(crate) async fn show(client: &Client, options: &Options, output: Output) -> Result<Exit, Error> {
    let job = client.load_job(options.id).await?;
    let attempts = client.list_attempts(options.id).await?.data;
    output.result(&Shown { job, attempts }, |shown| describe(client, shown));
    Ok(Exit::Done)
}

fn describe(client: &Client, shown: &Shown) -> String {
    let job = &shown.job;
    let mut lines = vec![
        format!("{} {}", words::state(job), job.id),
        format!("  submitted  {}", words::moment(job.submitted_at)),
        format!("  priority   {:?}", job.priority).to_lowercase(),
        format!("  attempts   {} of {}", job.attempts, job.max_attempts),
    ];
    lines.extend(job.position.map(|position| format!("  waits      {}", words::place(position))));
    lines.extend(job.waits_for.as_ref().map(|because| format!("             {because}")));
    lines.extend(job.paused.then(|| format!("  waits      until `atelier resume {}`", job.id)));
    if job.cancel_requested && !job.state.is_end() {
        lines.push("  somebody asked for its end".into());
    }
    if let Some(progress) = &job.progress {
        lines.push(format!("  progress   {:.0} %", progress.fraction * 100.0));
    }
    if let Some(failure) = job.failure.as_ref().filter(|_| job.state != JobState::Succeeded) {
        lines.push(format!("  {}", words::failure(failure)));
    }
    lines.push("  spec".into());
    lines.extend(fields(&job.spec));
    for attempt in &shown.attempts {
        let outcome = attempt.outcome.as_deref().unwrap_or("runs");
        let why = attempt.failure.as_ref().map(|failure| format!(": {}", failure.message)).unwrap_or_default();
        lines.push(format!("  attempt {}  {outcome} on {}{why}", attempt.number, attempt.worker));
    }
    for asset in job.result.iter().flat_map(|result| &result.assets) {
        lines.push(format!("  picture    {} ({})", client.asset_address(asset), words::size(asset.size_bytes)));
        let of_it = job.tags.iter().filter(|of| of.asset_id == asset.id);
        lines.extend(of_it.flat_map(|of| words::tags(&of.tags)).map(|tags| format!("  tags       {tags}")));
    }
    lines.extend(words::measures(job));
    lines.extend(timeline::lines(job));
    lines.join("\n")
}

/// The fields of a document, a line each.
fn fields(document: &impl Serialize) -> Vec<String> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(document) else { return Vec::new() };
    fields
        .iter()
        .map(|(name, value)| match value {
            serde_json::Value::String(text) => format!("    {name:<18} {text}"),
            other => format!("    {name:<18} {other}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::tests::{finished_job, measured_job};

    #[test]
    fn what_was_done_differently_is_said() {
        let client = Client::new(&"http://127.0.0.1:8080".parse().unwrap(), None).unwrap();
        let text = describe(&client, &Shown { job: measured_job(), attempts: vec![] });
        assert!(
            text.contains("\n  measure    pixels were decoded in tiles, because memory ran out without it\n"),
            "{text}"
        );
    }

    #[test]
    fn the_tags_of_a_picture_stand_below_it_with_how_sure_they_are_and_who_says_so() {
        let client = Client::new(&"http://127.0.0.1:8080".parse().unwrap(), None).unwrap();
        let said = |tag: &str, source: serde_json::Value, confidence: Option<f64>| {
            serde_json::json!({ "tag": tag, "facet": "subject", "source": source, "confidence": confidence,
                                "tagged_at": "2026-01-02T03:05:00Z" })
        };
        let tags = [
            said("lighthouse", serde_json::json!({ "type": "picture", "model": "eye" }), Some(0.9)),
            said("sea", serde_json::json!({ "type": "picture", "model": "eye" }), Some(0.07)),
            said("mine", serde_json::json!({ "type": "person" }), None),
        ];
        let id = "01980000-0000-7000-8000-000000000002";
        let tags = serde_json::from_value(serde_json::json!([{ "asset_id": id, "tags": tags }])).unwrap();
        let text = describe(&client, &Shown { job: Job { tags, ..finished_job() }, attempts: vec![] });
        assert!(
            text.contains("\n  tags       lighthouse 90 %, sea 7 % (seen by eye)\n  tags       mine (a person)\n"),
            "{text}"
        );
        let untagged = describe(&client, &Shown { job: finished_job(), attempts: vec![] });
        assert!(!untagged.contains("  tags"), "{untagged}");
    }

    #[test]
    fn everything_that_a_person_may_ask_is_there() {
        let client = Client::new(&"http://127.0.0.1:8080".parse().unwrap(), None).unwrap();
        let text = describe(&client, &Shown { job: finished_job(), attempts: vec![] });
        for part in [
            "succeeded 0198",
            "priority   normal",
            "attempts   1 of 3",
            "seed               7",
            "/api/assets/0198",
            "in all",
        ] {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
    }
}
