//! Brings a model into memory: room first, then its llama-server, again and with less where that dies.

use std::{sync::Arc, time::Instant};

use contract::job::Failure;
use queue::memory::Holding;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{Ask, Desk, Life, QUIET, Stopped};
use crate::{
    library::Found,
    llama::{
        Launch,
        server::{Server, Stillborn},
    },
    metrics,
    trouble::{crash, refusal, too_large},
};

/// After so many deaths it is started in the safe mode.
const DEATHS_UNTIL_SAFE: u32 = 2;
/// After so many deaths in a row those who wait are told that it does not come up.
const DEATHS_UNTIL_GIVEN_UP: u32 = 3;
/// What helps where memory ran out.
const SMALLER: &str = "give the model a shorter context in its preset, or take a smaller model";
/// What helps where nobody knows why.
const LOOK: &str = "look at the log of the text worker";

/// A model that has just come into memory.
pub(super) struct Arrived {
    pub(super) server: Server,
    pub(super) holding: Holding,
    pub(super) desk: Arc<Desk>,
}

impl Life {
    /// Brings the model into memory; the inner error is for those who wait.
    pub(super) async fn bring(&mut self) -> Result<Result<Arrived, Failure>, Stopped> {
        let mut deaths_now = 0;
        loop {
            let wait = self.backoff.remaining(Instant::now());
            if !wait.is_zero() {
                let seconds = wait.as_secs_f64().ceil();
                self.say(format!("the engine of {} died; it is started again in {seconds} s", self.model));
                self.meanwhile(sleep(wait)).await?;
            }
            let found = match self.meanwhile(self.find()).await? {
                Ok(found) => found,
                Err(failure) => return Ok(Err(failure)),
            };
            let is_safe = self.is_in_trouble();
            let launch = if is_safe { found.launch.in_safe_mode() } else { found.launch.clone() };
            let mib = match self.needs_all {
                true => found.needed_mib(&launch).max(self.settings.memory.comfortable_mib()),
                false => found.needed_mib(&launch),
            };
            let whole_mib = self.settings.memory.whole_mib();
            if mib > whole_mib && !self.waiting.iter().any(|ask| ask.dares) {
                let message =
                    format!("{} needs about {mib} MiB, and all models together may have {whole_mib} MiB", self.model);
                return Ok(Err(too_large(message)));
            }
            let holding = match self.reserve(mib).await? {
                Some(Ok(holding)) => holding,
                Some(Err(failure)) => return Ok(Err(failure)),
                // Nobody waits any more.
                None => return Ok(Err(crash("nobody waits for the model any more", None))),
            };
            if is_safe {
                self.warn_of_safe_mode(&launch);
            }
            self.say(format!("{} is being loaded, about {mib} MiB", self.model));
            let settings = Arc::clone(&self.settings);
            let started = self.meanwhile(Server::start(&launch, &settings.llama)).await?;
            match started {
                Ok(server) => return Ok(Ok(self.settle(server, holding, &launch, &found, mib).await)),
                Err(Stillborn::Refused(message)) => {
                    self.note_problem(&message);
                    let remedy = "check the file of the model, or load another one";
                    return Ok(Err(refusal(format!("the model {} cannot be loaded: {message}", self.model), remedy)));
                }
                // The estimate was wrong, or somebody uses memory of whom the ledger knows nothing. Others leave before it
                // comes up with less.
                Err(Stillborn::OutOfMemory(message)) if !self.needs_all => {
                    self.needs_all = true;
                    warn!(
                        model.id = self.model,
                        "memory ran out with {}; all other models leave: {message}", self.model
                    );
                    self.note_problem(&message);
                }
                Err(died @ (Stillborn::Died(_) | Stillborn::OutOfMemory(_))) => {
                    let (message, remedy) = match died {
                        Stillborn::OutOfMemory(message) => (message, SMALLER),
                        Stillborn::Died(message) | Stillborn::Refused(message) => (message, LOOK),
                    };
                    drop(holding);
                    self.note_death(&message);
                    deaths_now += 1;
                    if deaths_now >= DEATHS_UNTIL_GIVEN_UP {
                        let message =
                            format!("the model {} did not come up in {deaths_now} tries: {message}", self.model);
                        return Ok(Err(crash(message, Some(remedy))));
                    }
                }
            }
        }
    }

    /// Looks up how the model is loaded.
    fn find(&self) -> impl Future<Output = Result<Found, Failure>> + use<> {
        let (shelf, model, mode) = (self.settings.shelf.clone(), self.model.clone(), self.mode);
        let comfortable_mib = self.settings.memory.comfortable_mib();
        async move {
            let finding = tokio::task::spawn_blocking(move || shelf.find(&model, mode, comfortable_mib)).await;
            finding.unwrap_or_else(|error| Err(crash(error.to_string(), None)))
        }
    }

    /// Waits for memory; none when nobody waits for the model any more.
    async fn reserve(&mut self, mib: u64) -> Result<Option<Result<Holding, Failure>>, Stopped> {
        let (memory, name, load) = (self.settings.memory.clone(), self.ledger_name(), self.load);
        let (view, changed) = (self.view.clone(), self.changed.clone());
        let reserving = memory.reserve(&name, mib, load, |reason| {
            view.send_modify(|view| view.reason = Some(reason));
            changed.send_replace(());
        });
        tokio::pin!(reserving);
        // Coming back after a death nobody may wait, and it need not wait long.
        let has_waited_for = !self.waiting.is_empty();
        loop {
            let first_gone = gone(&mut self.waiting);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Stopped),
                reserved = &mut reserving => return Ok(Some(reserved)),
                Some(ask) = self.asks.recv() => self.waiting.push(ask),
                () = first_gone => {}
            }
            self.waiting.retain(|ask| !ask.reply.is_closed());
            if has_waited_for && self.waiting.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Makes the desk of a model that has come up.
    async fn settle(&mut self, server: Server, holding: Holding, launch: &Launch, found: &Found, mib: u64) -> Arrived {
        (self.load, self.needs_all) = (server.load, false);
        holding.loaded_in(server.load);
        let held_mib = self.measure(&server).await;
        // What it computes in is taken only when it computes: until then what was reserved counts.
        holding.idle(held_mib.unwrap_or_default().max(mib));
        let mut desk = Desk::new(server.endpoint.clone(), &self.model, launch.slots);
        desk.system_prompt.clone_from(&found.system_prompt);
        desk.only_vectors = launch.pooling.is_some();
        desk.has_vision = Some(server.properties.modalities.vision);
        let (load_ms, context, slots) = (server.load.as_millis() as u64, server.context(), launch.slots);
        metrics::model_loaded(server.load.as_secs_f64());
        info!(
            model.id = self.model,
            duration_ms = load_ms,
            "model {} is in memory after {load_ms} ms: {slots} slots of {context} tokens, {} MiB, {}",
            self.model,
            held_mib.unwrap_or(mib),
            server.properties.build_info
        );
        let process_id = server.process_id();
        self.change(|view| {
            view.reason = None;
            view.resident = Some(held_mib.or(Some(mib)));
            view.slots = Some(slots);
            view.process_id = process_id;
        });
        Arrived { server, holding, desk: Arc::new(desk) }
    }

    fn is_in_trouble(&self) -> bool {
        let is_quiet = self.died_at.is_none_or(|at| at.elapsed() >= QUIET);
        !is_quiet && self.deaths >= DEATHS_UNTIL_SAFE
    }

    fn warn_of_safe_mode(&self, launch: &Launch) {
        warn!(
            model.id = self.model,
            "the engine of {} died {} times, so it starts in its safe mode: no layers on the GPU, a cache of 16 bits, \
             {} slot of {} tokens",
            self.model,
            self.deaths,
            launch.slots,
            launch.context
        );
    }
}

/// Waits until one of those who wait has gone away.
async fn gone(waiting: &mut [Ask]) {
    if waiting.is_empty() {
        return std::future::pending().await;
    }
    std::future::poll_fn(|context| {
        let is_gone = waiting.iter_mut().any(|ask| ask.reply.poll_closed(context).is_ready());
        if is_gone { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
