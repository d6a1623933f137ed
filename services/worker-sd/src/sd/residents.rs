//! The children with a model in memory: one child for each model.

use std::{sync::Arc, time::Instant};

use tracing::info;

use super::{
    coming::Arrived,
    estimate::Parts,
    memory::{Budget, Holding},
    peak,
    session::{Load, Session},
};

/// A child with a model in memory.
#[derive(Debug)]
pub(super) struct Resident {
    /// The id of the model.
    pub(super) key: String,
    pub(super) session: Session,
    /// The files of the model, and how they are held.
    pub(super) wanted: Arc<Load>,
    pub(super) parts: Parts,
    /// What it holds while it waits: measured, or else estimated.
    held_mib: u64,
    load: std::time::Duration,
    last_used: Instant,
}

/// The children with a model in memory.
#[derive(Debug, Default)]
pub(super) struct Residents(Vec<Resident>);

impl Resident {
    /// Returns a child that has just loaded its model.
    pub(super) fn new(key: String, wanted: Arc<Load>, parts: Parts, arrived: Arrived) -> Self {
        let Arrived { session, load } = arrived;
        let mut resident = Self { key, session, wanted, parts, held_mib: 0, load, last_used: Instant::now() };
        resident.weigh();
        resident
    }

    /// Notes that it was used, and what it holds now.
    pub(super) fn weigh(&mut self) {
        self.last_used = Instant::now();
        // What a card holds of it cannot be seen in the memory of the machine.
        let measured = self.session.process_id().filter(|_| self.session.is_on_cpu()).and_then(peak::held_mib);
        self.held_mib = measured.unwrap_or_else(|| self.parts.held_mib());
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
