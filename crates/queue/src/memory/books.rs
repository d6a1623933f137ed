//! What this worker holds and asks for: the truth that the ledger is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use contract::memory::MeasuredMemory;
use serde::Serialize;
use tokio::sync::{Notify, watch};

use super::{Holding, HoldingState, Waiting, Want, lock};

/// What this worker holds and asks for.
#[derive(Debug)]
pub(super) struct Books {
    pages: Mutex<Pages>,
    /// Something changed that the ledger does not know yet.
    pub(super) changed: Notify,
    leaving: watch::Sender<BTreeSet<String>>,
    total_mib: AtomicU64,
}

#[derive(Debug, Default)]
struct Pages {
    held: BTreeMap<String, Held>,
    asked: BTreeMap<String, Asked>,
    asks: u64,
    measured: Option<MeasuredMemory>,
}

/// A model that is held.
#[derive(Debug)]
struct Held {
    mib: u64,
    state: HoldingState,
    load: Duration,
    loaded_at: Instant,
    changed_at: Instant,
    /// When it will be done, by its own estimate.
    ends_at: Option<Instant>,
    is_pinned: bool,
    /// The request that it was granted for; whoever has the [`Holding`] of another has no say any more.
    ask: u64,
    /// What was held before the last request was granted: that request, and how much.
    before: Option<(u64, u64)>,
}

/// A request that waits.
#[derive(Debug)]
struct Asked {
    ask: u64,
    mib: u64,
    load: Duration,
    is_pinned: bool,
    /// Whether it waits, or has waited, for somebody who held memory.
    after_others: bool,
    answer: watch::Sender<Answer>,
}

/// What the ledger says to a request.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Unheard,
    Waiting(Box<Waiting>),
    Granted { after_others: bool },
}

/// A request on its way.
pub(super) struct Asking {
    pub(super) answers: watch::Receiver<Answer>,
    pub(super) claim: Claim,
}

/// The right to what will be granted. Dropped before that was taken, the request is taken back.
#[derive(Debug)]
pub(super) struct Claim {
    books: Arc<Books>,
    model: String,
    ask: u64,
    is_taken: bool,
}

/// Everything, as the ledger is told. The times are how long ago something was.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    pub(super) total: u64,
    pub(super) comfortable: u64,
    holdings: Vec<ToldHolding>,
    requests: Vec<ToldRequest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<MeasuredMemory>,
}

#[derive(Debug, Serialize)]
struct ToldHolding {
    model: String,
    mib: u64,
    state: HoldingState,
    load_ms: u64,
    age_ms: u64,
    state_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_ms: Option<u64>,
    pinned: bool,
    ask: u64,
}

#[derive(Debug, Serialize)]
struct ToldRequest {
    model: String,
    mib: u64,
    load_ms: u64,
    pinned: bool,
    ask: u64,
}

impl Books {
    pub(super) fn new(leaving: watch::Sender<BTreeSet<String>>) -> Self {
        Self { pages: Mutex::default(), changed: Notify::new(), leaving, total_mib: AtomicU64::new(0) }
    }

    pub(super) fn total_mib(&self) -> u64 {
        self.total_mib.load(Ordering::Relaxed)
    }

    /// Adds a request. The model counts as idle from now on, because whoever waits for more does not work.
    pub(super) fn ask(self: &Arc<Self>, want: &Want) -> Asking {
        let mut pages = self.lock();
        pages.asks += 1;
        let ask = pages.asks;
        if let Some(held) = pages.held.get_mut(&want.model) {
            held.turn(HoldingState::Idle);
        }
        let (answer, answers) = watch::channel(Answer::Unheard);
        let (mib, load, is_pinned, after_others) = (want.mib, want.load, want.is_pinned, false);
        let asked = Asked { ask, mib, load, is_pinned, after_others, answer };
        pages.asked.insert(want.model.clone(), asked);
        drop(pages);
        self.changed.notify_one();
        let claim = Claim { books: Arc::clone(self), model: want.model.clone(), ask, is_taken: false };
        Asking { answers, claim }
    }

    /// Returns everything that the ledger is to know.
    pub(super) fn tell(&self, total_mib: u64, comfortable_mib: u64) -> Told {
        self.total_mib.store(total_mib, Ordering::Relaxed);
        let pages = self.lock();
        let holdings = pages.held.iter().map(|(model, held)| held.told(model)).collect();
        let requests = pages.asked.iter().map(|(model, asked)| asked.told(model)).collect();
        let measured = pages.measured.clone();
        Told { total: total_mib, comfortable: comfortable_mib, holdings, requests, measured }
    }

    /// Notes what is used of the device. Nobody has to hear that at once.
    pub(super) fn note_measured(&self, measured: Option<MeasuredMemory>) {
        self.lock().measured = measured;
    }

    /// Takes what was granted. What nobody asks for any more is told to the ledger as not held, and so is free again.
    pub(super) fn hear_granted(&self, ask: u64) {
        let mut pages = self.lock();
        let model = pages.asked.iter().find(|(_, asked)| asked.ask == ask).map(|(model, _)| model.clone());
        let Some((model, asked)) = model.and_then(|model| pages.asked.remove_entry(&model)) else { return };
        let now = Instant::now();
        let fresh = || Held {
            mib: 0,
            state: HoldingState::Loading,
            load: asked.load,
            loaded_at: now,
            changed_at: now,
            ends_at: None,
            is_pinned: asked.is_pinned,
            ask,
            before: None,
        };
        let is_new = !pages.held.contains_key(&model);
        let held = pages.held.entry(model).or_insert_with(fresh);
        if !is_new {
            held.before = Some((held.ask, held.mib));
            held.turn(HoldingState::Busy);
        }
        (held.mib, held.ask, held.is_pinned) = (asked.mib, ask, asked.is_pinned);
        // Whoever asked may be gone; then its claim gives this back.
        asked.answer.send_replace(Answer::Granted { after_others: asked.after_others });
    }

    /// Takes the reason why a request waits.
    pub(super) fn hear_waiting(&self, reason: Waiting) {
        let mut pages = self.lock();
        if let Some(asked) = pages.asked.values_mut().find(|asked| asked.ask == reason.ask) {
            asked.after_others |= !reason.blockers.is_empty();
            asked.answer.send_replace(Answer::Waiting(Box::new(reason)));
        }
    }

    /// Takes which models are asked to leave.
    pub(super) fn hear_leaving(&self, models: Vec<String>) {
        let pages = self.lock();
        let models: BTreeSet<_> = models.into_iter().filter(|model| pages.held.contains_key(model)).collect();
        drop(pages);
        self.leaving.send_if_modified(|known| {
            let is_news = *known != models;
            *known = models;
            is_news
        });
    }

    pub(super) fn held_mib(&self, model: &str, ask: u64) -> u64 {
        self.lock().held.get(model).filter(|held| held.ask == ask).map_or(0, |held| held.mib)
    }

    pub(super) fn change(&self, model: &str, ask: u64, state: HoldingState, mib: Option<u64>) {
        let mut pages = self.lock();
        let Some(held) = pages.held.get_mut(model).filter(|held| held.ask == ask) else { return };
        if held.state == HoldingState::Loading {
            held.loaded_at = Instant::now();
        }
        held.turn(state);
        held.mib = mib.unwrap_or(held.mib);
        drop(pages);
        self.changed.notify_one();
    }

    /// Notes how long it will still work. Nobody has to hear that at once.
    pub(super) fn lasts(&self, model: &str, ask: u64, remaining: Option<Duration>) {
        if let Some(held) = self.lock().held.get_mut(model).filter(|held| held.ask == ask) {
            held.ends_at = remaining.and_then(|remaining| Instant::now().checked_add(remaining));
        }
    }

    pub(super) fn loaded_in(&self, model: &str, ask: u64, load: Duration) {
        if let Some(held) = self.lock().held.get_mut(model).filter(|held| held.ask == ask) {
            held.load = load;
        }
    }

    /// Forgets a model, unless more was granted to it meanwhile.
    pub(super) fn give_back(&self, model: &str, ask: u64) {
        let mut pages = self.lock();
        let Some(held) = pages.held.get_mut(model) else { return };
        if held.before.is_some_and(|(before, _)| before == ask) {
            held.before = None;
        }
        if held.ask != ask {
            return;
        }
        pages.held.remove(model);
        drop(pages);
        self.leaving.send_if_modified(|known| known.remove(model));
        self.changed.notify_one();
    }

    /// Takes a request back: one that waits, or what was granted to it and never taken.
    fn withdraw(&self, model: &str, ask: u64) {
        let mut pages = self.lock();
        if pages.asked.get(model).is_some_and(|asked| asked.ask == ask) {
            pages.asked.remove(model);
        } else if let Some(held) = pages.held.get_mut(model).filter(|held| held.ask == ask) {
            match held.before.take() {
                Some((before, mib)) => {
                    (held.ask, held.mib) = (before, mib);
                    held.turn(HoldingState::Idle);
                }
                None => drop(pages.held.remove(model)),
            }
        }
        drop(pages);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        lock(&self.pages)
    }
}

impl Held {
    fn turn(&mut self, state: HoldingState) {
        if self.state != state {
            (self.state, self.changed_at, self.ends_at) = (state, Instant::now(), None);
        }
    }

    fn told(&self, model: &str) -> ToldHolding {
        let is_loading = self.state == HoldingState::Loading;
        ToldHolding {
            model: model.to_owned(),
            mib: self.mib,
            state: self.state,
            load_ms: whole_ms(self.load),
            age_ms: if is_loading { 0 } else { whole_ms(self.loaded_at.elapsed()) },
            state_ms: whole_ms(self.changed_at.elapsed()),
            ends_ms: self.ends_at.map(|ends_at| whole_ms(ends_at.saturating_duration_since(Instant::now()))),
            pinned: self.is_pinned,
            ask: self.ask,
        }
    }
}

impl Asked {
    fn told(&self, model: &str) -> ToldRequest {
        ToldRequest {
            model: model.to_owned(),
            mib: self.mib,
            load_ms: whole_ms(self.load),
            pinned: self.is_pinned,
            ask: self.ask,
        }
    }
}

impl Claim {
    /// Returns what was granted.
    pub(super) fn take(&mut self, had_to_wait: bool) -> Holding {
        self.is_taken = true;
        Holding { books: Arc::clone(&self.books), model: self.model.clone(), ask: self.ask, had_to_wait }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_taken {
            self.books.withdraw(&self.model, self.ask);
        }
    }
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
