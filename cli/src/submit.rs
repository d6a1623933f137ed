//! `atelier submit`: asks for a picture.

use std::path::PathBuf;

use clap::{Args, ValueEnum, builder::PossibleValuesParser};
use contract::{
    job::{Job, Priority},
    spec::{
        JobKind,
        sampling::{Sampler, Scheduler},
    },
};
use serde::Serialize;

use crate::{
    client::{Client, Error},
    exit::Exit,
    output::Output,
    watch, words,
};

/// What to make, and whether to wait for it. What is not said, the server decides; it also knows the bounds.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    picture: Picture,
    /// How urgent it is.
    #[arg(long, value_enum)]
    priority: Option<Urgency>,
    /// Shows the progress until the job ends.
    #[arg(long)]
    watch: bool,
    /// Waits until the job ends, and shows nothing before.
    #[arg(long, conflicts_with = "watch")]
    wait: bool,
    /// Waits for the pictures and writes them into this folder; or to this file, if it ends like a picture.
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// The spec: what is left out here is left out in the request.
#[derive(Args, Serialize)]
struct Picture {
    /// What the picture shows.
    prompt: String,
    /// What the picture must not show.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<String>,
    /// Which model paints it.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// Width in pixels: 64 to 4096 in steps of 16.
    #[arg(long, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<i64>,
    /// Height in pixels: 64 to 4096 in steps of 16.
    #[arg(long, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<i64>,
    /// How many denoising steps.
    #[arg(long, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<i64>,
    /// How closely the picture follows the prompt; 1 for distilled models.
    #[arg(long, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    cfg_scale: Option<f64>,
    /// The guidance that distilled models such as FLUX take as an input.
    #[arg(long, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    distilled_guidance: Option<f64>,
    /// How the noise is removed.
    #[arg(long, value_parser = PossibleValuesParser::new(names(Sampler::ALL)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    sampler: Option<String>,
    /// How the steps are spread over the noise.
    #[arg(long, value_parser = PossibleValuesParser::new(names(Scheduler::ALL)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduler: Option<String>,
    /// The seed of the first picture; the next ones count up.
    #[arg(long, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    /// How many pictures.
    #[arg(long, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_count: Option<i64>,
    /// How many of the last layers of the CLIP text encoder are skipped.
    #[arg(long, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    clip_skip: Option<i64>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Urgency {
    Interactive,
    Normal,
    Batch,
}

impl From<Urgency> for Priority {
    fn from(urgency: Urgency) -> Self {
        match urgency {
            Urgency::Interactive => Self::Interactive,
            Urgency::Normal => Self::Normal,
            Urgency::Batch => Self::Batch,
        }
    }
}

/// Submits, and stays with the job if that was asked for.
pub(crate) async fn submit(client: &Client, options: Box<Options>, output: Output) -> Result<Exit, Error> {
    let priority = options.priority.map(|urgency| ("priority", name(&Priority::from(urgency))));
    let query: Vec<_> = priority.into_iter().collect();
    let job = client.submit_job(JobKind::TextToImage.as_str(), &query, &options.picture).await?;
    if !(options.watch || options.wait || options.output.is_some()) {
        output.result(&job, submitted);
        return Ok(Exit::Done);
    }
    output.note(&format!("submitted {}", job.id));
    let view = if options.watch { watch::View::Progress } else { watch::View::Silent };
    watch::until_the_end(client, job.id, view, options.output.as_deref(), output).await
}

fn submitted(job: &Job) -> String {
    format!("submitted {} ({})\n  atelier watch {}", job.id, words::subject(job, 60), job.id)
}

fn names<T: Serialize>(values: &[T]) -> Vec<String> {
    values.iter().map(name).collect()
}

/// The name that a value has in JSON.
fn name<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use contract::spec::TextToImage;
    use serde_json::json;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn options(arguments: &[&str]) -> Box<Options> {
        let all = [&["atelier", "submit"], arguments].concat();
        match Arguments::try_parse_from(all).unwrap().command {
            Command::Submit(options) => options,
            _ => panic!("this is another command"),
        }
    }

    fn body(arguments: &[&str]) -> serde_json::Value {
        serde_json::to_value(&options(arguments).picture).unwrap()
    }

    #[test]
    fn a_prompt_alone_leaves_everything_else_to_the_server() {
        assert_eq!(body(&["a lighthouse"]), json!({ "prompt": "a lighthouse" }));
    }

    #[test]
    fn every_field_of_the_spec_has_a_flag() {
        let flags = [
            "--negative-prompt=fog",
            "--model=flux/klein",
            "--width=256",
            "--height=320",
            "--steps=8",
            "--cfg-scale=1.5",
            "--distilled-guidance=2",
            "--sampler=dpm++2m",
            "--scheduler=karras",
            "--seed=7",
            "--batch-count=2",
            "--clip-skip=1",
        ];
        let all = body(&[&["a lighthouse"], &flags[..]].concat());
        let spec: TextToImage = serde_json::from_value(all.clone()).unwrap();
        assert_eq!(serde_json::to_value(&spec).unwrap(), all, "a field has no flag, or changed on its way");
        assert_eq!(spec.painting.sampler, Some(Sampler::Dpmpp2m));
    }

    #[test]
    fn a_number_out_of_range_is_left_for_the_server_to_explain() {
        assert_eq!(body(&["x", "--width", "-5"]), json!({ "prompt": "x", "width": -5 }));
    }

    #[test]
    fn a_sampler_that_nobody_knows_is_refused_here() {
        assert!(Arguments::try_parse_from(["atelier", "submit", "x", "--sampler", "magic"]).is_err());
    }

    #[test]
    fn watching_and_silent_waiting_exclude_each_other() {
        assert!(Arguments::try_parse_from(["atelier", "submit", "x", "--watch", "--wait"]).is_err());
        assert!(options(&["x", "--watch", "--output", "pictures"]).output.is_some());
    }
}
