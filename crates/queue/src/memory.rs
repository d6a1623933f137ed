//! The memory ledger: one for each device, over all workers that use it.
//!
//! Who wants to load a model or to work with it reserves what it needs at most. Whoever does not fit waits in a line in
//! which nobody overtakes; models that nobody uses are asked to leave for the first of them, the least valuable first.
//!
//! ```text
//!            reserve                loaded, busy             idle
//! (nothing) ─────────▶ waiting ─▶ loading ─────────▶ busy ────────▶ idle ──▶ asked to leave ─▶ (nothing)
//!                         ▲                            ▲             │
//!                         └────────────────────────────┴─────────────┘ reserve: more for a run
//! ```
//!
//! A worker tells the ledger everything that it holds and asks for, again and again: at every change and five times in a
//! lease. So no message is ever missed for good, a ledger that was lost is told anew, and a worker that dies is forgotten
//! with all that it held. A thread of its own does that, so that no work delays it.

mod books;
mod keeper;
mod read;
mod waiting;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::{
    books::{Answer, Asking, Books},
    keeper::Keeper,
};
use crate::{Error, Queue};

pub use contract::memory::{HoldingState, MeasuredMemory};
pub use waiting::{Blocker, Waiting};

/// A worker that says nothing about its memory for so long has none any more.
pub const LEASE: Duration = Duration::from_secs(5);

/// A device, and how much of it models may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The machine and the device: `host:cuda:0`, `host:cpu`. All workers of a device must use the same words.
    pub name: String,
    /// What there is.
    pub total_mib: u64,
    /// What models may hold together before some are asked to leave.
    pub comfortable_mib: u64,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// Its id. A worker holds each model once.
    pub model: String,
    /// How much it will hold at most, all together.
    pub mib: u64,
    /// How long it takes to have it in memory again, as far as that is known.
    pub load: Duration,
    /// Whether it is to stay whoever waits.
    pub is_pinned: bool,
}

/// A worker's side of the ledger of a device; cheap to clone. When the last one is dropped, what it held is forgotten.
#[derive(Debug, Clone)]
pub struct Ledger {
    books: Arc<Books>,
    leaving: watch::Receiver<BTreeSet<String>>,
    _stop: Arc<DropGuard>,
}

/// Memory that a model of this worker may use. Dropping it gives the memory back, so drop it when the memory is free.
#[derive(Debug)]
pub struct Holding {
    books: Arc<Books>,
    model: String,
    ask: u64,
    had_to_wait: bool,
}

/// Tells a ledger what is measured of its device. It does not keep the ledger open.
#[derive(Debug, Clone)]
pub struct Teller(Arc<Books>);

impl Queue {
    /// Opens the ledger of a device. `worker` must be a fresh name at every start, the one that the worker announces.
    ///
    /// Returns at once; what is asked for while Valkey is away waits until it is back.
    pub fn open_ledger(&self, device: &Device, worker: &str, lease: Duration) -> Result<Ledger, Error> {
        let (sender, leaving) = watch::channel(BTreeSet::new());
        let books = Arc::new(Books::new(sender));
        let stop = CancellationToken::new();
        Keeper::new(self, device, worker, lease, Arc::clone(&books)).start(stop.clone())?;
        Ok(Ledger { books, leaving, _stop: Arc::new(stop.drop_guard()) })
    }
}

impl Ledger {
    /// Waits until a model may hold so much, and tells `on_wait` at least every second why it must wait.
    ///
    /// Ask for a model that this worker holds already to change how much it may hold; its older [`Holding`] means nothing
    /// then. While a request waits its model counts as idle: be ready to end it when [`Ledger::must_leave`] says so, and go
    /// on waiting; the request keeps its place. Dropping the future takes the request back.
    ///
    /// # Errors
    ///
    /// [`Error::NoRoom`] when so much can never be free.
    pub async fn reserve(&self, want: &Want, mut on_wait: impl FnMut(&Waiting)) -> Result<Holding, Error> {
        let Asking { mut answers, mut claim } = self.books.ask(want);
        loop {
            if answers.changed().await.is_err() {
                return Err(Error::AskedAgain(want.model.clone()));
            }
            let answer = answers.borrow_and_update().clone();
            match answer {
                Answer::Unheard => {}
                Answer::Waiting(reason) if reason.is_hopeless => {
                    return Err(Error::NoRoom {
                        model: want.model.clone(),
                        needed_mib: reason.needed_mib,
                        pinned_mib: reason.blockers.iter().filter(|by| by.is_pinned).map(|by| by.mib).sum(),
                        total_mib: self.books.total_mib(),
                    });
                }
                Answer::Waiting(reason) => on_wait(&reason),
                Answer::Granted { after_others } => return Ok(claim.take(after_others)),
            }
        }
    }

    /// Waits until models of this worker are asked to leave, and returns which. Those that work must leave when they are
    /// done, and should begin nothing new.
    pub async fn must_leave(&self) -> BTreeSet<String> {
        let mut leaving = self.leaving.clone();
        let asked = leaving.wait_for(|models| !models.is_empty()).await.map(|models| models.clone());
        match asked {
            Ok(models) => models,
            Err(_) => std::future::pending().await,
        }
    }

    /// Returns the models of this worker that are asked to leave now.
    #[must_use]
    pub fn leaving(&self) -> BTreeSet<String> {
        self.leaving.borrow().clone()
    }

    /// Returns what tells the ledger what is measured of its device.
    #[must_use]
    pub fn teller(&self) -> Teller {
        Teller(Arc::clone(&self.books))
    }

    /// Follows which models of this worker are asked to leave.
    #[must_use]
    pub fn watch_leaving(&self) -> watch::Receiver<BTreeSet<String>> {
        self.leaving.clone()
    }
}

impl Teller {
    /// Notes how much of the device is used by now, by whomever; none where nobody can say. People see it with the next sign
    /// of life.
    pub fn tell(&self, measured: Option<MeasuredMemory>) {
        self.0.note_measured(measured);
    }
}

impl Holding {
    /// Returns the model.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Returns how much it may hold.
    #[must_use]
    pub fn mib(&self) -> u64 {
        self.books.held_mib(&self.model, self.ask)
    }

    /// Returns whether others held memory when this was asked for, so that it had to wait for them.
    #[must_use]
    pub fn had_to_wait(&self) -> bool {
        self.had_to_wait
    }

    /// Says that it works: it leaves only when it is done.
    pub fn busy(&self) {
        self.books.change(&self.model, self.ask, HoldingState::Busy, None);
    }

    /// Says that it waits for work and holds so much. What it held beyond that is free for others at once.
    pub fn idle(&self, mib: u64) {
        self.books.change(&self.model, self.ask, HoldingState::Idle, Some(mib));
    }

    /// Says how long it will still work, by its own estimate, for those who wait.
    pub fn lasts(&self, remaining: Option<Duration>) {
        self.books.lasts(&self.model, self.ask, remaining);
    }

    /// Says how long it took to load it.
    pub fn loaded_in(&self, load: Duration) {
        self.books.loaded_in(&self.model, self.ask, load);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.books.give_back(&self.model, self.ask);
    }
}

/// A mutex whose contents are whole whatever happened to who held it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
