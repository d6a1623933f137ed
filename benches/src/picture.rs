//! Rows about pictures of the real engine: what everything around it costs, and what it gains by staying.

use std::time::Instant;

use anyhow::{Context, ensure};
use contract::{job::Job, job::JobState, result::JobResult};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    client::{self, Client},
    plan::{Engine, Plan},
    processes,
    system::System,
    usage,
};

use crate::{
    figures::median,
    rounds::{self, ROUNDS},
    row::{Row, Target},
    sd_cli::SdCli,
};

const PICTURES: usize = 30;
/// Linux counts in hundredths of a second, so one picture of half a second is too little to look at.
const PICTURES_IN_A_ROUND: usize = 4;

fn picture(seed: u64) -> Value {
    json!({
        "prompt": "a lighthouse at dawn", "seed": seed, "width": 64, "height": 64, "steps": 4, "cfg_scale": 1.0,
    })
}

/// Measures what a picture costs beyond the engine's own time, from the request to the answer.
pub(crate) async fn overhead() -> anyhow::Result<Vec<Row>> {
    let system = Plan::new().engine(Engine::StableDiffusion).start().await?;
    let client = system.client();
    // The first one loads the model.
    make(&client, 0).await?;
    let mut beyond_ms = Vec::new();
    for seed in 1..=PICTURES {
        let begun = Instant::now();
        let result = make(&client, seed as u64).await?;
        beyond_ms.push((begun.elapsed().as_secs_f64() - result.timeline.engine_s) * 1000.0);
    }
    Ok(vec![Row::limit("request to result, beyond engine", "ms", median(&beyond_ms), Target::AtMost(30.0))])
}

/// Measures the processor time of a further picture against a program that loads the model each time.
pub(crate) async fn resident() -> anyhow::Result<Vec<Row>> {
    let sd_cli = SdCli::install().await?;
    let system = Plan::new().engine(Engine::StableDiffusion).start().await?;
    let client = system.client();
    make(&client, 0).await?;
    let models = system.models();
    let (ours, theirs) = rounds::alternate(
        ROUNDS,
        async || {
            let before = used(&system)?;
            for seed in 0..PICTURES_IN_A_ROUND {
                make(&client, seed as u64).await?;
            }
            Ok((used(&system)? - before) / PICTURES_IN_A_ROUND as f64)
        },
        async || sd_cli.cpu_seconds(&models).await,
    )
    .await?;
    Ok(vec![Row::comparison(
        "second picture, processor time",
        "s",
        ours,
        ("one-shot sd-cli", theirs),
        Target::TimesLess(1.7),
    )])
}

async fn make(client: &Client, seed: u64) -> anyhow::Result<JobResult> {
    let request = client.request(Method::POST, "/api/workflows/text_to_image")?;
    let answer = request.header("Prefer", "wait=60").json(&picture(seed)).send().await?;
    let job: Job = client::read(answer).await?;
    ensure!(job.state == JobState::Succeeded, "the picture is {}: {:?}", job.state.as_str(), job.failure);
    job.result.context("a picture without a result")
}

/// Returns the processor time of the API, the worker and its engine together.
fn used(system: &System) -> anyhow::Result<f64> {
    let mut seconds = 0.0;
    for child in system.apis.iter().chain(&system.workers) {
        seconds += usage::cpu_seconds(child.pid())?;
        for process in processes::children(child.pid()) {
            seconds += usage::cpu_seconds(process.pid)?;
        }
    }
    Ok(seconds)
}
