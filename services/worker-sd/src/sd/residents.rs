//! The children with a model in memory: one child for each model.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    future,
    sync::Arc,
    time::{Duration, Instant},
};

use models::memory::Parts;
use queue::memory::Holding;
use tokio::sync::watch;
use tracing::info;

use super::{
    coming::Arrived,
    meter::Meter,
    session::{Load, Session},
};

/// A child with a model in memory.
#[derive(Debug)]
pub(super) struct Resident {
    /// The id of the model.
    pub(super) key: String,
    pub(super) session: Session,
    /// The files of the model, held as they are held.
    pub(super) wanted: Arc<Load>,
    pub(super) source: Source,
    /// What it holds while it waits: measured, or else estimated.
    held_mib: u64,
    last_used: Instant,
    /// What the ledger lets it hold.
    pub(super) holding: Holding,
    /// Whether that is enough for the next run, and stays so until the run is over.
    is_reserved: bool,
    /// While it works.
    meter: Option<Meter>,
}

/// Where a model comes from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Its files, held as its sidecar wants it.
    pub(super) wanted: Arc<Load>,
    pub(super) parts: Parts,
}

/// The children with a model in memory.
#[derive(Debug, Default)]
pub(super) struct Residents(Vec<Resident>);

impl Resident {
    /// Returns a child that has just loaded its model, and may hold what was reserved for its first run.
    pub(super) fn new(key: String, wanted: Arc<Load>, source: Source, arrived: Arrived, holding: Holding) -> Self {
        let held_mib = source.parts.held_mib();
        let (session, last_used) = (arrived.session, Instant::now());
        holding.loaded_in(arrived.load);
        let (is_reserved, meter) = (true, None);
        let mut resident = Self { key, session, wanted, source, held_mib, last_used, holding, is_reserved, meter };
        resident.begin();
        resident.weigh();
        resident
    }

    /// Notes that it may hold as much as its next run needs.
    pub(super) fn reserve(&mut self, holding: Holding) {
        (self.holding, self.is_reserved) = (holding, true);
    }

    /// Tells those who wait for memory how long its run will still take, for as long as this runs.
    pub(super) async fn tell_remaining(
        holding: &Holding,
        mut remaining: watch::Receiver<Option<Duration>>,
    ) -> Infallible {
        while remaining.changed().await.is_ok() {
            holding.lasts(*remaining.borrow_and_update());
        }
        future::pending().await
    }

    /// Returns whether so much is reserved for its next run.
    pub(super) fn has_reserved(&self, needed_mib: u64) -> bool {
        self.is_reserved && self.holding.mib() >= needed_mib
    }

    /// Notes that no run follows at once. What it held for one is free for others.
    pub(super) fn rest(&mut self) {
        self.holding.idle(self.held_mib);
        self.is_reserved = false;
    }

    /// Notes that it is used from now on.
    pub(super) fn begin(&mut self) {
        self.last_used = Instant::now();
        self.holding.busy();
        let device = self.session.describe().device;
        self.meter = self.session.process_id().and_then(|process_id| Meter::begin(process_id, &device));
    }

    /// Notes that it was used, and what it holds now. Returns what it held at most, where that can be measured.
    pub(super) fn weigh(&mut self) -> Option<u64> {
        self.last_used = Instant::now();
        let reading = self.meter.take().map(|meter| meter.read()).unwrap_or_default();
        if let Some(held_mib) = reading.held_mib {
            self.held_mib = held_mib;
        }
        reading.peak_mib
    }

    /// Ends it, and leaves what it may hold to a child that takes its place.
    pub(super) async fn leave_to_another(self) -> Holding {
        self.session.end().await;
        self.holding
    }

    async fn leave(self) {
        info!(model.id = self.key, "model {} leaves the memory", self.key);
        self.session.end().await;
    }
}

impl Residents {
    /// Returns the models that are in memory and can be used.
    pub(super) fn keys(&self) -> Vec<String> {
        self.0.iter().filter(|resident| resident.session.is_usable()).map(|resident| resident.key.clone()).collect()
    }

    /// Returns the child of a model, if it can be used.
    pub(super) fn find(&mut self, key: &str) -> Option<&mut Resident> {
        self.0.iter_mut().find(|resident| resident.key == key && resident.session.is_usable())
    }

    /// Returns what the child of a model holds while it waits.
    pub(super) fn held_mib(&self, key: &str) -> Option<u64> {
        self.0.iter().find(|resident| resident.key == key).map(|resident| resident.held_mib)
    }

    /// Returns the child that was used last.
    pub(super) fn latest(&self) -> Option<&Resident> {
        self.0.iter().max_by_key(|resident| resident.last_used)
    }

    pub(super) fn add(&mut self, resident: Resident) {
        self.0.push(resident);
    }

    /// Takes the child of a model out, whatever state it is in.
    pub(super) fn take(&mut self, key: &str) -> Option<Resident> {
        let place = self.0.iter().position(|resident| resident.key == key)?;
        Some(self.0.remove(place))
    }

    /// Takes out the children that died.
    pub(super) fn take_dead(&mut self) -> Vec<Resident> {
        self.0.extract_if(.., |resident| resident.session.is_gone()).collect()
    }

    /// Ends the child of a model. Its memory is free when this returns.
    pub(super) async fn end(&mut self, key: &str) {
        if let Some(resident) = self.take(key) {
            resident.leave().await;
        }
    }

    /// Ends the children that were left in the middle of a generation.
    pub(super) async fn end_unusable(&mut self) {
        while let Some(place) = self.0.iter().position(|resident| !resident.session.is_usable()) {
            self.0.remove(place).leave().await;
        }
    }

    /// Ends all children.
    pub(super) async fn end_all(&mut self) {
        while let Some(resident) = self.0.pop() {
            resident.leave().await;
        }
    }

    /// Notes that no run of these follows at once, but perhaps one of the model `key`.
    pub(super) fn rest_all_but(&mut self, key: Option<&str>) {
        let others = self.0.iter_mut().filter(|resident| resident.is_reserved && Some(resident.key.as_str()) != key);
        others.for_each(Resident::rest);
    }

    /// Ends the children of these models. Returns whether there were any.
    pub(super) async fn end_these(&mut self, models: &BTreeSet<String>) -> bool {
        let mut were_any = false;
        for model in models {
            if let Some(resident) = self.take(model) {
                resident.leave().await;
                were_any = true;
            }
        }
        were_any
    }

    /// Ends whoever is asked to leave, for as long as this runs.
    pub(super) async fn heed(&mut self, mut leaving: watch::Receiver<BTreeSet<String>>) -> Infallible {
        loop {
            let models = leaving.borrow_and_update().clone();
            self.end_these(&models).await;
            if leaving.changed().await.is_err() {
                return future::pending().await;
            }
        }
    }
}
