//! Runs the engine for one attempt, and stops it: softly, then by dropping what it was doing. A panic is a crash.

use std::{
    any::Any,
    future::Future,
    panic::AssertUnwindSafe,
    pin::pin,
    time::{Duration, Instant},
};

use chassis::clock::Clock;
use futures::FutureExt;
use time::OffsetDateTime;
use tokio::sync::watch;
use tracing::{Instrument, info_span, warn};

use crate::{
    engine::{Engine, EngineError, Notes, Picture, Run},
    guard, metrics,
    order::Order,
};

/// What an engine made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) pictures: Vec<Picture>,
    pub(crate) loaded_at: OffsetDateTime,
    pub(crate) sampled_at: OffsetDateTime,
    /// How long the engine loaded, without the time that it waited for memory.
    pub(crate) load: Duration,
    /// How long the engine worked, with the load.
    pub(crate) work: Duration,
    /// What the engine said about them.
    pub(crate) notes: Notes,
}

/// Why the worker stopped an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Somebody asked for the end of the job.
    Cancelled,
    /// Another worker has the job.
    Lost,
    /// This worker must stop, and the job took longer than it may wait.
    Drained,
    /// The engine said nothing for longer than it may: it hangs.
    Stalled,
}

/// How the engine's part of an attempt ended.
#[derive(Debug)]
pub(crate) enum Driven {
    /// The pictures are there.
    Made(Made),
    /// The model could not be brought into memory.
    NotLoaded(EngineError),
    /// The pictures could not be made.
    NotMade(EngineError),
    /// The engine panicked, with these words. Nobody knows what it holds.
    Panicked(String),
    /// The worker stopped it.
    Halted(Halt),
}

/// How an engine did not do what it was asked for.
enum Fall {
    Failed(EngineError),
    Panicked(String),
}

/// Runs the engine until it is done or `halt` comes; then it has `grace` to stop by itself.
pub(crate) async fn drive<E: Engine>(
    engine: &mut E,
    order: &Order,
    run: &Run,
    clock: &Clock,
    halt: impl Future<Output = Halt>,
    grace: Duration,
) -> Driven {
    let mut work = pin!(work(engine, order, run, clock));
    let halt = tokio::select! {
        biased;
        driven = &mut work => return driven,
        halt = halt => halt,
    };
    run.cancelled().cancel();
    match tokio::time::timeout(grace, work).await {
        // It was nearly done: what is made is not thrown away just because the worker stops.
        Ok(driven @ Driven::Made(_)) if halt == Halt::Drained => driven,
        Ok(_) => Driven::Halted(halt),
        Err(_) => {
            metrics::engine_restarted();
            warn!(job.id = %run.job_id, "the engine did not stop within {} s and was given up", grace.as_secs());
            Driven::Halted(halt)
        }
    }
}

/// Waits until an engine has reported nothing for `limit`.
pub(crate) async fn stall(mut signs_of_life: watch::Receiver<()>, limit: Duration) {
    while let Ok(Ok(())) = tokio::time::timeout(limit, signs_of_life.changed()).await {}
}

async fn work<E: Engine>(engine: &mut E, order: &Order, run: &Run, clock: &Clock) -> Driven {
    let began = Instant::now();
    let model = order.spec.model().unwrap_or_default();
    match guarded(engine.load(order, run)).instrument(info_span!("load", model.id = model)).await {
        Ok(()) => {}
        Err(Fall::Failed(error)) => return Driven::NotLoaded(error),
        Err(Fall::Panicked(words)) => return Driven::Panicked(words),
    }
    let (loaded_at, load) = (clock.now(), began.elapsed().saturating_sub(run.waited()));
    match generate(engine, order, run).instrument(info_span!("sample", model.id = model)).await {
        Ok(pictures) => Driven::Made(Made {
            pictures,
            loaded_at,
            sampled_at: clock.now(),
            load,
            work: began.elapsed().saturating_sub(run.waited()),
            notes: run.take_notes(),
        }),
        Err(Fall::Failed(error)) => Driven::NotMade(error),
        Err(Fall::Panicked(words)) => Driven::Panicked(words),
    }
}

/// Makes the pictures; once more in tiles if one of them shows nothing.
async fn generate<E: Engine>(engine: &mut E, order: &Order, run: &Run) -> Result<Vec<Picture>, Fall> {
    let pictures = guarded(engine.generate(order, run)).await?;
    if !guard::shows_nothing(order, &pictures) {
        return Ok(pictures);
    }
    let Some(tiled) = guard::in_tiles(order) else { return Err(Fall::Failed(guard::refusal())) };
    warn!(job.id = %run.job_id, "job {}: a picture of one colour came; it is made once more, in tiles", run.job_id);
    run.note_measure(guard::measure());
    let pictures = guarded(engine.generate(&tiled, run)).await?;
    if guard::shows_nothing(order, &pictures) { Err(Fall::Failed(guard::refusal())) } else { Ok(pictures) }
}

/// Ends what an engine holds; a panic on the way is no reason to fall.
pub(crate) async fn unload<E: Engine>(engine: &mut E, limit: Duration) {
    let unloading = AssertUnwindSafe(engine.unload()).catch_unwind();
    match tokio::time::timeout(limit, unloading).await {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => warn!("the engine panicked while it unloaded: {}", words(panic.as_ref())),
        Err(_) => warn!("the engine did not unload within {} s", limit.as_secs()),
    }
}

/// Catches a panic of an engine.
async fn guarded<T>(engine: impl Future<Output = Result<T, EngineError>>) -> Result<T, Fall> {
    match AssertUnwindSafe(engine).catch_unwind().await {
        Ok(outcome) => outcome.map_err(Fall::Failed),
        Err(panic) => Err(Fall::Panicked(words(panic.as_ref()).to_owned())),
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "without a word",
    }
}
