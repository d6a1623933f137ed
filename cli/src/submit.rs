//! `atelier submit`: asks for a picture; with `--watch` or `--output` stays until it is there.

use std::path::PathBuf;

use contract::{job::Job, spec::JobKind};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::{client::Client, failure::Failure, show, watch};

/// What to make. What is left out is the server's choice; the server also checks the bounds.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// What the picture shows.
    prompt: String,
    /// What the picture must not show.
    #[arg(long)]
    negative_prompt: Option<String>,
    /// Which model paints it: an id from `atelier models`.
    #[arg(long)]
    model: Option<String>,
    /// Width in pixels.
    #[arg(long, allow_negative_numbers = true)]
    width: Option<i64>,
    /// Height in pixels.
    #[arg(long, allow_negative_numbers = true)]
    height: Option<i64>,
    /// Denoising steps.
    #[arg(long, allow_negative_numbers = true)]
    steps: Option<i64>,
    /// How closely the picture follows the prompt; 1 switches guidance off.
    #[arg(long, allow_negative_numbers = true)]
    cfg_scale: Option<f64>,
    /// The guidance of distilled models such as FLUX.
    #[arg(long, allow_negative_numbers = true)]
    distilled_guidance: Option<f64>,
    /// How the noise is removed, for example `euler_a`.
    #[arg(long)]
    sampler: Option<String>,
    /// How the steps are spread over the noise, for example `karras`.
    #[arg(long)]
    scheduler: Option<String>,
    /// The seed of the first picture.
    #[arg(long, allow_negative_numbers = true)]
    seed: Option<i64>,
    /// How many pictures.
    #[arg(long, allow_negative_numbers = true)]
    batch_count: Option<i64>,
    /// How many of the last layers of the CLIP text encoder are skipped.
    #[arg(long, allow_negative_numbers = true)]
    clip_skip: Option<i64>,
    /// interactive, normal or batch.
    #[arg(long)]
    priority: Option<String>,
    /// Makes it safe to send the same command twice: the second one finds the first one's job.
    #[arg(long)]
    idempotency_key: Option<String>,
    /// Shows the progress until the job ends.
    #[arg(long)]
    watch: bool,
    /// Waits, and writes the pictures here: a folder, or a file name for a single picture.
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// Submits the job, and watches it if asked to.
pub(crate) async fn run(client: &Client, arguments: Arguments, json: bool) -> Result<(), Failure> {
    let path = format!("/api/workflows/{}", JobKind::TextToImage.as_str());
    let mut request = client.request(Method::POST, &path).json(&body(&arguments));
    if let Some(priority) = &arguments.priority {
        request = request.query(&[("priority", priority)]);
    }
    if let Some(key) = &arguments.idempotency_key {
        request = request.header("idempotency-key", key);
    }
    let job: Job = client.receive(request).await?;
    if arguments.watch || arguments.output.is_some() {
        if !json {
            eprintln!("job {}", job.id);
        }
        return watch::to_the_end(client, job.id, arguments.output.as_deref(), json).await;
    }
    if json {
        println!("{}", json!(job));
    } else {
        println!("{}", job.id);
        eprintln!("{}. `atelier watch {}` shows its progress.", show::sentence(&job), job.id);
    }
    Ok(())
}

/// Returns the fields that were given; the server fills in the rest.
fn body(arguments: &Arguments) -> Map<String, Value> {
    let fields = [
        ("prompt", Some(json!(arguments.prompt))),
        ("negative_prompt", arguments.negative_prompt.as_ref().map(|value| json!(value))),
        ("model", arguments.model.as_ref().map(|value| json!(value))),
        ("width", arguments.width.map(|value| json!(value))),
        ("height", arguments.height.map(|value| json!(value))),
        ("steps", arguments.steps.map(|value| json!(value))),
        ("cfg_scale", arguments.cfg_scale.map(|value| json!(value))),
        ("distilled_guidance", arguments.distilled_guidance.map(|value| json!(value))),
        ("sampler", arguments.sampler.as_ref().map(|value| json!(value))),
        ("scheduler", arguments.scheduler.as_ref().map(|value| json!(value))),
        ("seed", arguments.seed.map(|value| json!(value))),
        ("batch_count", arguments.batch_count.map(|value| json!(value))),
        ("clip_skip", arguments.clip_skip.map(|value| json!(value))),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use contract::spec::TextToImage;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(line: &[&str]) -> Arguments {
        Line::parse_from(std::iter::once(&"submit").chain(line)).arguments
    }

    #[test]
    fn only_what_was_given_is_sent() {
        assert_eq!(Value::Object(body(&parse(&["a lake"]))), json!({"prompt": "a lake"}));
    }

    #[test]
    fn every_field_of_the_contract_has_its_option() {
        let line = "p --negative-prompt n --model m --width 64 --height 64 --steps 4 --cfg-scale 1 --distilled-guidance 2 \
                    --sampler euler --scheduler karras --seed 1 --batch-count 2 --clip-skip 1";
        let sent = body(&parse(&line.split_whitespace().collect::<Vec<_>>()));
        let spec: TextToImage = serde_json::from_value(Value::Object(sent.clone())).unwrap();
        let whole = serde_json::to_value(spec).unwrap();
        let fields: Vec<_> = whole.as_object().unwrap().keys().collect();
        assert!(fields.iter().all(|field| sent.contains_key(*field)), "{fields:?} against {sent:?}");
    }

    #[test]
    fn a_negative_number_reaches_the_server_which_says_what_is_wrong() {
        assert_eq!(body(&parse(&["p", "--width", "-5"]))["width"], json!(-5));
    }
}
