//! The models: which are in memory, which come, which go.
//!
//! ```text
//!                wanted                        room                      ready
//!   (absent) ───────────▶ waits for memory ──────────▶ is being loaded ────────▶ at its desk ─┐
//!       ▲                                                    ▲ died: 1, 2, 4 s later          │
//!       └────────────── idle for long, or asked to leave ────┴────────────────────────────────┘
//! ```
//!
//! Each model has a keeper, a task of its own, who alone starts and ends its llama-server. Whoever has work for the model
//! asks the keeper for its desk, and hears meanwhile why he must wait.

mod desk;
mod elsewhere;
mod keeper;
mod memory;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use contract::{job::Failure, text::TextEvent, worker::Resident};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub(crate) use self::desk::{Desk, Inside};
use self::keeper::{Ask, Keeper, View};
pub use self::memory::Memory;
use crate::{endpoint::Endpoint, library::Shelf, llama, trouble::crash};

/// What the house does and has.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where models of this machine run.
    pub llama: llama::Settings,
    /// Which models there are, and how they are loaded.
    pub shelf: Shelf,
    /// What memory they may use.
    pub memory: Memory,
    /// After how long without work a model leaves; never where there is none.
    pub idle: Option<Duration>,
}

/// What a model is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// It writes.
    Text,
    /// It makes vectors. llama-server does either the one or the other.
    Vectors,
}

/// The models, and who keeps them.
#[derive(Debug)]
pub struct House {
    kind: Kind,
    slots: u32,
    stop: CancellationToken,
    /// Fires when something changes that others are told of.
    changed: watch::Sender<()>,
}

#[derive(Debug)]
enum Kind {
    /// On this machine.
    Here { settings: Arc<Settings>, keepers: Mutex<HashMap<(String, Mode), Keeper>> },
    /// Elsewhere, always ready.
    Elsewhere { endpoint: Box<Endpoint>, models: Arc<Mutex<Vec<String>>> },
}

impl House {
    /// Makes the house of the models of this machine, each with so many slots where its preset says nothing.
    #[must_use]
    pub fn here(settings: Settings, slots: u32) -> Self {
        Self::new(Kind::Here { settings: Arc::new(settings), keepers: Mutex::default() }, slots)
    }

    /// Makes the house of an engine elsewhere that takes so many requests at once. Must be called within a runtime.
    #[must_use]
    pub fn elsewhere(endpoint: Endpoint, slots: u32) -> Self {
        let models = Arc::default();
        let house =
            Self::new(Kind::Elsewhere { endpoint: Box::new(endpoint.clone()), models: Arc::clone(&models) }, slots);
        tokio::spawn(elsewhere::follow(endpoint, models, house.changed.clone(), house.stop.clone()));
        house
    }

    fn new(kind: Kind, slots: u32) -> Self {
        Self { kind, slots, stop: CancellationToken::new(), changed: watch::Sender::new(()) }
    }

    /// Waits for the desk of a model and sits down at it. `tell` hears why that takes long. A model that seems to need more
    /// memory than there is comes only for who dares.
    pub(crate) async fn sit_down(
        &self,
        model: &str,
        mode: Mode,
        dares: bool,
        tell: &mpsc::Sender<TextEvent>,
    ) -> Result<Inside, Failure> {
        let stopped = || crash("the text worker stops", Some("ask again"));
        loop {
            let (answer, mut view) = match &self.kind {
                Kind::Elsewhere { endpoint, .. } => {
                    let desk = Desk::elsewhere(Endpoint::clone(endpoint), model, self.slots);
                    return Arc::new(desk).enter().ok_or_else(stopped);
                }
                Kind::Here { settings, .. } => self.ask(settings, model, mode, dares),
            };
            tokio::pin!(answer);
            let answered = loop {
                let reason = view.borrow_and_update().reason.clone();
                if let Some(reason) = reason {
                    // Nobody hears it only once the job has ended.
                    let _ = tell.send(TextEvent::Waiting { reason }).await;
                }
                tokio::select! {
                    biased;
                    answered = &mut answer => break answered,
                    changed = view.changed() => if changed.is_err() { break answer.await },
                }
            };
            let desk = answered.map_err(|_| stopped())??;
            // It may have been asked to leave just now. Then it comes back, and we wait for that.
            if let Some(inside) = desk.enter() {
                return Ok(inside);
            }
        }
    }

    /// Returns how many requests of a model may be under way at once.
    pub(crate) fn slots(&self, model: &str) -> u32 {
        let known = |keepers: &HashMap<_, Keeper>| {
            let modes = [Mode::Text, Mode::Vectors];
            let known = modes.map(|mode| keepers.get(&(model.to_owned(), mode)).and_then(|keeper| keeper.view().slots));
            known.into_iter().flatten().max()
        };
        self.keepers().as_deref().and_then(known).unwrap_or(self.slots)
    }

    /// Returns the models in memory.
    pub(crate) fn residents(&self) -> Vec<Resident> {
        let Some(keepers) = self.keepers() else { return self.listed_elsewhere() };
        let mut residents: Vec<Resident> = keepers
            .iter()
            .filter_map(|((model, _), keeper)| {
                let memory_mib = keeper.view().resident?;
                Some(Resident { model: model.clone(), memory_mib })
            })
            .collect();
        residents.sort_by(|one, other| one.model.cmp(&other.model));
        // One that writes and makes vectors is in memory twice.
        residents.dedup_by(|second, first| {
            let is_same = first.model == second.model;
            if is_same {
                first.memory_mib = first.memory_mib.zip(second.memory_mib).map(|(one, other)| one + other);
            }
            is_same
        });
        residents
    }

    /// Returns how much memory the models may take, in MiB; none where nobody here knows.
    pub(crate) fn memory_mib(&self) -> Option<u64> {
        match &self.kind {
            Kind::Here { settings, .. } => Some(settings.memory.whole_mib()),
            Kind::Elsewhere { .. } => None,
        }
    }

    /// Returns what went wrong last with one of the models.
    pub(crate) fn last_problem(&self) -> Option<String> {
        let keepers = self.keepers()?;
        let problems = keepers.values().filter_map(|keeper| keeper.view().problem);
        problems.max_by_key(|(at, _)| *at).map(|(_, problem)| problem)
    }

    /// Follows whether something changes that others are told of.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Returns the numbers of the processes that run, for people and tests.
    #[must_use]
    pub fn process_ids(&self) -> Vec<u32> {
        self.keepers()
            .map_or_else(Vec::new, |keepers| keepers.values().filter_map(|keeper| keeper.view().process_id).collect())
    }

    /// Ends everything. Whoever waits for a model hears that it will not come.
    pub(crate) async fn close(&self, limit: Duration) {
        self.stop.cancel();
        let keepers: Vec<Keeper> = match self.keepers() {
            Some(mut keepers) => keepers.drain().map(|(_, keeper)| keeper).collect(),
            None => return,
        };
        for keeper in keepers {
            if timeout(limit, keeper.ended()).await.is_err() {
                warn!("a llama-server did not end within {} s; it is killed", limit.as_secs());
            }
        }
    }

    /// Asks the keeper of a model for its desk.
    fn ask(
        &self,
        settings: &Arc<Settings>,
        model: &str,
        mode: Mode,
        dares: bool,
    ) -> (oneshot::Receiver<Result<Arc<Desk>, Failure>>, watch::Receiver<View>) {
        let (reply, answer) = oneshot::channel();
        let Some(mut keepers) = self.keepers() else { return (answer, watch::channel(View::default()).1) };
        let keeper = keepers.entry((model.to_owned(), mode)).or_insert_with(|| {
            Keeper::start(model, mode, Arc::clone(settings), self.changed.clone(), self.stop.child_token())
        });
        (answer, keeper.ask(Ask { dares, reply }))
    }

    /// Returns the models of an engine elsewhere. What they hold is not of this machine.
    fn listed_elsewhere(&self) -> Vec<Resident> {
        let Kind::Elsewhere { models, .. } = &self.kind else { return Vec::new() };
        let models = models.lock().unwrap_or_else(PoisonError::into_inner).clone();
        models.into_iter().map(|model| Resident { model, memory_mib: None }).collect()
    }

    fn keepers(&self) -> Option<MutexGuard<'_, HashMap<(String, Mode), Keeper>>> {
        match &self.kind {
            Kind::Here { keepers, .. } => Some(keepers.lock().unwrap_or_else(PoisonError::into_inner)),
            Kind::Elsewhere { .. } => None,
        }
    }
}
