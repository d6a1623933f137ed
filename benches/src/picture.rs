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
    row::{Row, Target},
    sd_cli::SdCli,
    sd_server::SdServer,
};

const PICTURES: usize = 30;
/// Pictures in a series.
const SERIES: u64 = 20;
/// A round of three series takes a minute.
const ROUNDS: usize = 3;

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

/// Measures a series of pictures on a resident model: through the queue, by sd-server, and by a program that loads the model
/// for each.
pub(crate) async fn resident() -> anyhow::Result<Vec<Row>> {
    let system = Plan::new().engine(Engine::StableDiffusion).start().await?;
    let (client, models) = (system.client(), system.models());
    let (sd_cli, sd_server) = (SdCli::install().await?, SdServer::start(&models).await?);
    let (mut ours, mut server, mut one_shot) = (Series::default(), Series::default(), Series::default());
    // The first round loads the models and counts for nothing.
    for round in 0..=ROUNDS {
        let before = used(&system)?;
        let begun = Instant::now();
        queue_pictures(&client).await?;
        let ours_now = (begun.elapsed().as_secs_f64(), used(&system)? - before);

        let before = sd_server.cpu_seconds()?;
        let begun = Instant::now();
        for seed in 0..SERIES {
            sd_server.make(seed).await?;
        }
        let server_now = (begun.elapsed().as_secs_f64(), sd_server.cpu_seconds()? - before);

        let begun = Instant::now();
        let mut cpu_s = 0.0;
        for _ in 0..SERIES {
            cpu_s += sd_cli.cpu_seconds(&models).await?;
        }
        let one_shot_now = (begun.elapsed().as_secs_f64(), cpu_s);
        if round > 0 {
            ours.add(ours_now);
            server.add(server_now);
            one_shot.add(one_shot_now);
        }
    }
    let rate = |name: &str, peer: (&'static str, &Series), least| {
        Row::comparison(name, "/min", ours.rate(), (peer.0, peer.1.rate()), Target::RatioAtLeast(least))
    };
    Ok(vec![
        rate("20 pictures, sd-server", ("sd-server", &server), 0.97),
        rate("20 pictures, sd-cli", ("one-shot sd-cli", &one_shot), 1.7),
        Row::comparison(
            "processor time of each, sd-server",
            "s",
            ours.cpu_s(),
            ("sd-server", server.cpu_s()),
            Target::RatioAtMost(1.1),
        ),
        Row::comparison(
            "processor time of each, sd-cli",
            "s",
            ours.cpu_s(),
            ("one-shot sd-cli", one_shot.cpu_s()),
            Target::TimesLess(1.7),
        ),
    ])
}

/// What the rounds of one side took.
#[derive(Debug, Default)]
struct Series {
    wall_s: Vec<f64>,
    cpu_s: Vec<f64>,
}

impl Series {
    fn add(&mut self, (wall_s, cpu_s): (f64, f64)) {
        self.wall_s.push(wall_s);
        self.cpu_s.push(cpu_s);
    }

    /// Returns pictures a minute.
    fn rate(&self) -> f64 {
        60.0 * SERIES as f64 / median(&self.wall_s)
    }

    /// Returns seconds of processor time a picture.
    fn cpu_s(&self) -> f64 {
        median(&self.cpu_s) / SERIES as f64
    }
}

/// Submits a whole series at once and waits for the last one.
async fn queue_pictures(client: &Client) -> anyhow::Result<()> {
    for seed in 1..SERIES {
        let request = client.request(Method::POST, "/api/workflows/text_to_image")?;
        let _: Job = client::read(request.json(&picture(seed)).send().await?).await?;
    }
    make(client, 0).await.map(drop)
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
