//! The children with a model in memory: one child for each model.

use std::{sync::Arc, time::Instant};

use tracing::info;

use super::{
    coming::Arrived,
    estimate::Parts,
    memory::{Budget, Holding},
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
    load: std::time::Duration,
    last_used: Instant,
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
    /// Returns a child that has just loaded its model.
    pub(super) fn new(key: String, wanted: Arc<Load>, source: Source, arrived: Arrived) -> Self {
        let Arrived { session, load } = arrived;
        let held_mib = source.parts.held_mib();
        let last_used = Instant::now();
        let mut resident = Self { key, session, wanted, source, held_mib, load, last_used, meter: None };
        resident.begin();
        resident.weigh();
        resident
    }

    /// Notes that it is used from now on.
    pub(super) fn begin(&mut self) {
        self.last_used = Instant::now();
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

    /// Ends all children but that of one model. Returns whether there were any.
    pub(super) async fn end_others(&mut self, key: &str) -> bool {
        let others: Vec<_> = self.0.extract_if(.., |resident| resident.key != key).collect();
        let were_any = !others.is_empty();
        for other in others {
            other.leave().await;
        }
        were_any
    }

    /// Ends all children.
    pub(super) async fn end_all(&mut self) {
        while let Some(resident) = self.0.pop() {
            resident.leave().await;
        }
    }

    /// Ends those who must leave so that the child of a model may hold `needed_mib`.
    pub(super) async fn make_room(&mut self, budget: Budget, key: &str, needed_mib: u64) {
        let now = Instant::now();
        let others = self.0.iter().filter(|resident| resident.key != key);
        let holdings = others.map(|resident| Holding {
            key: resident.key.clone(),
            held_mib: resident.held_mib,
            load: resident.load,
            idle: now.saturating_duration_since(resident.last_used),
        });
        for key in budget.make_room(needed_mib, holdings.collect()) {
            self.end(&key).await;
        }
    }
}
