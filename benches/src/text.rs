//! Rows about text: what the queue and the worker cost between a client and llama-server.
//!
//! The tiny model writes ten times as fast as a real one, so that it shows every microsecond of ours. A pacer in front of
//! llama-server holds each stream to the pace of a real model; both sides go through it.

mod bare;
mod pacer;
mod talk;

use std::time::{Duration, Instant};

use anyhow::Context;
use futures::future::try_join_all;
use tests::{plan::Plan, system::System};

use crate::{
    figures::median,
    rounds::{ROUNDS, alternate},
    row::{Row, Target},
};

use self::{bare::LlamaServer, pacer::Pacer, talk::Door};

/// Clients at once. llama-server has a slot for each.
const STREAMS: [usize; 3] = [1, 4, 8];
/// Tokens of each answer.
const TOKENS: u32 = 100;
/// Between two tokens of a stream: a hundred a second, as a model of eight billion weights on a good card.
const PACE: Duration = Duration::from_millis(10);
/// Answers for the median of the first token, and cancels.
const SAMPLES: usize = 30;

/// Measures rates, the first token and the cancel.
pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let mut rows = paced().await?;
    rows.extend(unthrottled().await?);
    Ok(rows)
}

/// Returns the rows at the pace of a real model.
async fn paced() -> anyhow::Result<Vec<Row>> {
    let server = LlamaServer::start().await?;
    let end = server.last_token().await?;
    let pacer = Pacer::start(server.address(), PACE).await?;
    let system = start(Plan::new().set("text_engine_url", &format_args!("{}/v1", pacer.address()))).await?;
    let (ours, bare) = (ours(&system, end)?, Door::new(pacer.address(), None, end));
    let mut rows = rates("paced", &ours, &bare, Target::RatioAtLeast(0.97)).await?;

    let (our_first_ms, bare_first_ms) = alternate(ROUNDS, || first_token_ms(&ours), || first_token_ms(&bare)).await?;
    let beyond_ms = our_first_ms - bare_first_ms;
    rows.push(Row::limit("first token, beyond the engine", "ms", beyond_ms, Target::AtMost(5.0)));

    let mut cancel_ms = Vec::new();
    for seed in 0..SAMPLES {
        let mut answer = ours.ask(seed as u64, TOKENS).await?;
        answer.token().await?.context("an answer without a word")?;
        let left_before = pacer.left();
        let begun = Instant::now();
        drop(answer);
        pacer.until_left(left_before + 1).await?;
        cancel_ms.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    rows.push(Row::limit("cancel to engine, p50", "ms", median(&cancel_ms), Target::AtMost(100.0)));
    Ok(rows)
}

/// Returns the rows of the tiny model at its own pace, where what is ours weighs most. Nobody promised anything here.
async fn unthrottled() -> anyhow::Result<Vec<Row>> {
    let server = LlamaServer::start().await?;
    let end = server.last_token().await?;
    let system = start(Plan::new()).await?;
    let (ours, bare) = (ours(&system, end)?, Door::new(server.address(), None, end));
    rates("unthrottled", &ours, &bare, Target::RatioAtLeast(0.0)).await
}

async fn start(plan: Plan) -> anyhow::Result<System> {
    let most = STREAMS.iter().max().copied().unwrap_or(1);
    plan.workers(0).text_workers(1).set("text_slots", &most).start().await
}

fn ours(system: &System, last_token: u64) -> anyhow::Result<Door> {
    let client = system.client();
    Ok(Door::new(&client.base()?, client.key(), last_token))
}

/// Returns how many tokens a second both sides give to so many clients together.
async fn rates(name: &str, ours: &Door, bare: &Door, target: Target) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for streams in STREAMS {
        let (our_rate, bare_rate) = alternate(ROUNDS, || rate(ours, streams), || rate(bare, streams)).await?;
        let name = format!("text, {streams} at a time, {name}");
        rows.push(Row::comparison(&name, "tokens/s", our_rate, ("llama-server", bare_rate), target));
    }
    Ok(rows)
}

async fn rate(door: &Door, streams: usize) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let answers = (0..streams).map(async |seed| {
        let mut answer = door.ask(seed as u64, TOKENS).await?;
        while answer.token().await?.is_some() {}
        answer.tokens()
    });
    let tokens: u32 = try_join_all(answers).await?.into_iter().sum();
    Ok(f64::from(tokens) / begun.elapsed().as_secs_f64())
}

/// Returns the median time from the request to the first word.
async fn first_token_ms(door: &Door) -> anyhow::Result<f64> {
    let mut figures = Vec::new();
    for seed in 0..SAMPLES {
        let begun = Instant::now();
        let mut answer = door.ask(seed as u64, 1).await?;
        answer.token().await?.context("an answer without a word")?;
        figures.push(begun.elapsed().as_secs_f64() * 1000.0);
        while answer.token().await?.is_some() {}
    }
    Ok(median(&figures))
}
