//! Row: a thousand people who watch, over WebSocket.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use contract::event::{JobChange, Phase, Progress};
use futures::{StreamExt, stream};
use queue::Queue;
use serde_json::json;
use tests::{client::Client, plan::Plan, socket::Socket};
use tokio::{sync::oneshot, task::JoinSet};

use crate::{
    figures::{median, percentile},
    row::{Row, Target},
};

const CLIENTS: usize = 1000;
const ROUNDS: usize = 3;
const EVENTS_PER_SECOND: u32 = 20;
const EVENTS: u32 = 200;
/// The first events meet cold caches, and sockets that have just been opened.
const WARM_UP_EVENTS: u32 = 40;
const LIMIT: Duration = Duration::from_secs(60);

/// Measures how long an event takes from the queue to a thousand clients, three times, and returns the median of the p99.
pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let mut figures_ms = Vec::new();
    for _ in 0..ROUNDS {
        figures_ms.push(percentile(&latencies().await?, 99.0));
    }
    let name = format!("websocket, {CLIENTS} × {EVENTS_PER_SECOND}/s, p99");
    Ok(vec![Row::limit(&name, "ms", median(&figures_ms), Target::AtMost(30.0))])
}

/// Returns how late each event was at each client, in milliseconds.
async fn latencies() -> anyhow::Result<Vec<f64>> {
    // Nobody works here: the bench itself says how far the job is.
    let system = Plan::new().workers(0).start().await?;
    let client = system.client();
    let job = client.submit(&json!({"prompt": "watched by many", "steps": 150})).await?;
    let sent: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let mut listeners = JoinSet::new();
    let mut ready = Vec::new();
    for _ in 0..CLIENTS {
        let (is_ready, becomes_ready) = oneshot::channel();
        listeners.spawn(listen(client.clone(), Arc::clone(&sent), is_ready));
        ready.push(becomes_ready);
        // A real thousand does not come in the same millisecond either.
        if ready.len().is_multiple_of(50) {
            stream::iter(ready.drain(..)).for_each_concurrent(None, async |ready| drop(ready.await)).await;
        }
    }
    stream::iter(ready).for_each_concurrent(None, async |ready| drop(ready.await)).await;

    let queue = Queue::connect(&system.valkey.url(), "atelier").await?;
    let mut pace = tokio::time::interval(Duration::from_secs(1) / EVENTS_PER_SECOND);
    for step in 0..EVENTS {
        pace.tick().await;
        let change = JobChange::Progress(Progress {
            phase: Phase::Sampling,
            step,
            steps: EVENTS,
            seconds_per_step: Some(0.05),
            remaining_s: Some(1.0),
            fraction: f64::from(step) / f64::from(EVENTS),
            waits_for: None,
        });
        sent.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        queue.announce(job.id, &change).await?;
    }
    let mut latencies = Vec::new();
    while let Some(heard) = listeners.join_next().await {
        latencies.extend(heard?.context("listening")?);
    }
    Ok(latencies)
}

/// Listens until the last event, and returns how late each was in milliseconds.
async fn listen(
    client: Client,
    sent: Arc<Mutex<Vec<Instant>>>,
    is_ready: oneshot::Sender<()>,
) -> anyhow::Result<Vec<f64>> {
    let mut socket = Socket::connect(&client).await?;
    socket.say_text(r#"{"type":"subscribe","jobs":"all"}"#).await?;
    let is_answer = |text: &str| text.contains(r#""type":"subscribed""#).then_some(());
    socket.until_text(LIMIT, "the answer to subscribe", is_answer).await?;
    // The one who waits is gone only when the bench has failed.
    let _ = is_ready.send(());
    let mut latencies = Vec::with_capacity(EVENTS as usize);
    let mut next = 0;
    let note = |text: &str| {
        let now = Instant::now();
        let step = step_of(text)?;
        let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
        // An event that was overtaken by the next of its job counts as heard with that one: as late as the client knew.
        for (number, sent) in sent.iter().enumerate().take(step as usize + 1).skip(next) {
            if number >= WARM_UP_EVENTS as usize {
                latencies.push((now - *sent).as_secs_f64() * 1000.0);
            }
        }
        next = step as usize + 1;
        (step + 1 == EVENTS).then_some(())
    };
    socket.until_text(LIMIT, "the last event", note).await?;
    Ok(latencies)
}

/// Finds the step in an event without reading the whole: a thousand clients share this machine with the server.
fn step_of(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once(r#""step":"#)?;
    rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}
