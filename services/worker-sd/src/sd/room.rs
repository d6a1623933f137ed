//! Room for models: reserves memory, brings a model into it, and lets those go that are asked to leave.

use std::{collections::BTreeSet, convert::Infallible, future::pending, sync::Arc, time::Instant};

use contract::event::Phase;
use models::memory::Plan;
use queue::memory::{Holding, Want};
use tokio::{sync::watch, task::JoinError};
use tracing::{info, warn};
use worker::{EngineError, Run};

use super::{
    SdEngine,
    coming::{Arrived, Coming, Setback},
    held,
    residents::{Resident, Residents, Source},
    session::Load,
};

impl SdEngine {
    /// Sees to it that the model is in memory, held as the plan demands, and that it may take what the run needs.
    pub(super) async fn ensure(&mut self, key: &str, plan: &Plan, source: &Source, run: &Run) -> Result<(), Setback> {
        // Who saves more than he must is not loaded anew for that.
        let saves_too_little = |resident: &mut Resident| held::held(&resident.wanted, &plan.steps) != *resident.wanted;
        if self.residents.find(key).is_some_and(saves_too_little) {
            self.residents.end(key).await;
        }
        if self.residents.find(key).is_some_and(|resident| resident.has_reserved(plan.needed_mib)) {
            return Ok(());
        }
        if let Some(other) = self.coming.take_if(|coming| coming.key != key) {
            info!(model.id = other.key, "the load of model {} is given up", other.key);
        }
        let cleared = self.cleared.take().filter(|all| all.model() == key && all.mib() >= plan.needed_mib);
        let holding = match cleared {
            Some(all) => all,
            None => self.reserve(key, plan.needed_mib, run).await.map_err(Setback::Failed)?,
        };
        if let Some(resident) = self.residents.find(key) {
            resident.reserve(holding);
            return Ok(());
        }
        run.progress(Phase::Loading, 0, 0);
        let wanted = Arc::new(held::held(&source.wanted, &plan.steps));
        let was_tried_before = self.has_arrived(key, &wanted);
        self.bring(key, source, &wanted, holding);
        match self.await_model(run).await {
            // What went wrong in the background, before this job came, is not this job's failure.
            Err(Setback::Failed(error)) if was_tried_before && !matches!(error, EngineError::Cancelled) => {
                warn!(model.id = key, "model {key} could not be brought back in the background: {error}");
                let holding = self.reserve(key, plan.needed_mib, run).await.map_err(Setback::Failed)?;
                self.bring(key, source, &wanted, holding);
                self.await_model(run).await
            }
            outcome => outcome,
        }
    }

    /// Asks for all that models may hold together, so that all others leave. Returns whether there were any.
    pub(super) async fn clear(&mut self, key: &str, plan: &Plan, run: &Run) -> Result<bool, EngineError> {
        let all_mib = self.budget.comfortable_mib.max(plan.needed_mib);
        let holding = match self.reserve(key, all_mib, run).await {
            Ok(holding) => holding,
            Err(EngineError::Cancelled) => return Err(EngineError::Cancelled),
            // Somebody is there who never leaves.
            Err(_) => return Ok(false),
        };
        let were_any = holding.had_to_wait();
        match self.residents.find(key) {
            Some(resident) => resident.reserve(holding),
            None => self.cleared = Some(holding),
        }
        Ok(were_any)
    }

    /// Waits until a model may hold so much. Whoever is asked to leave meanwhile leaves, be it this very model.
    async fn reserve(&mut self, key: &str, needed_mib: u64, run: &Run) -> Result<Holding, EngineError> {
        let load = self.loads.get(key).copied().unwrap_or_default();
        let want = Want { model: key.to_owned(), mib: needed_mib, load, is_pinned: false };
        let reserved = tokio::select! {
            biased;
            () = run.cancelled().cancelled() => Err(EngineError::Cancelled),
            reserved = self.ledger.reserve(&want, |reason| run.wait_for(reason.to_string())) => {
                reserved.map_err(|error| EngineError::Engine { message: error.to_string() })
            }
            never = make_way(&mut self.residents, &mut self.coming, self.ledger.watch_leaving()) => match never {},
        };
        run.go_on();
        reserved
    }

    /// Begins to load a model in the background, unless that is going on already.
    pub(super) fn bring(&mut self, key: &str, source: &Source, wanted: &Arc<Load>, holding: Holding) {
        if let Some(coming) = self.coming.as_mut().filter(|coming| coming.is_of(key, wanted)) {
            coming.holding = holding;
            return;
        }
        let (settings, wait) = (self.settings.clone(), self.backoff.remaining(Instant::now()));
        let what = (source.clone(), Arc::clone(wanted));
        self.coming = Some(Coming::begin(settings, key.to_owned(), what, holding, wait));
    }

    /// Returns whether a load in the background is over. Whether well or not is not known yet.
    fn has_arrived(&self, key: &str, wanted: &Load) -> bool {
        self.coming.as_ref().is_some_and(|coming| coming.is_of(key, wanted) && coming.task.is_finished())
    }

    /// Waits for the model that is being loaded.
    async fn await_model(&mut self, run: &Run) -> Result<(), Setback> {
        let Some(coming) = &mut self.coming else {
            let message = "no model is being loaded: this is a bug".to_owned();
            return Err(Setback::Failed(EngineError::Engine { message }));
        };
        let arriving = async {
            loop {
                tokio::select! {
                    biased;
                    outcome = &mut coming.task => return outcome,
                    Ok(()) = coming.progress.changed() => {
                        let (step, steps) = *coming.progress.borrow_and_update();
                        run.progress(Phase::Loading, step, steps);
                    }
                }
            }
        };
        let outcome = tokio::select! {
            biased;
            () = run.cancelled().cancelled() => return Err(Setback::Failed(EngineError::Cancelled)),
            outcome = arriving => outcome,
            never = self.residents.heed(self.ledger.watch_leaving()) => match never {},
        };
        self.welcome(outcome)
    }

    /// Takes in what a load in the background has come to.
    fn welcome(&mut self, outcome: Result<Result<Arrived, Setback>, JoinError>) -> Result<(), Setback> {
        let outcome =
            outcome.unwrap_or_else(|error| Err(Setback::Failed(EngineError::Crashed { message: error.to_string() })));
        let coming = self.coming.take();
        match (outcome, coming) {
            (Ok(arrived), Some(Coming { key, wanted, source, holding, .. })) => {
                info!(model.id = key, "model {key} is in memory");
                self.loads.insert(key.clone(), arrived.load);
                self.residents.add(Resident::new(key, wanted, source, arrived, holding));
                Ok(())
            }
            (Ok(_), None) => {
                let message = "a model came that nobody waits for: this is a bug".to_owned();
                Err(Setback::Failed(EngineError::Engine { message }))
            }
            (Err(setback), _) => {
                if let Setback::Failed(EngineError::Crashed { message }) = &setback {
                    self.note_crash(message);
                }
                Err(setback)
            }
        }
    }

    /// Puts the child that worked back to the others, in whatever state it was left. It has had its turn: the next run has
    /// to ask again.
    pub(super) fn put_back(&mut self) {
        if let Some(mut resident) = self.working.take() {
            resident.rest();
            self.residents.add(resident);
        }
    }

    /// Lets go whoever is asked to leave while no job runs, and takes in what was being loaded. Returns when either happened.
    pub(super) async fn rest(&mut self) {
        self.put_back();
        self.bury().await;
        self.cleared = None;
        self.residents.rest_all_but(None);
        let mut leaving = self.ledger.watch_leaving();
        loop {
            let models = leaving.borrow_and_update().clone();
            if self.residents.end_these(&models).await {
                return;
            }
            let Some(coming) = &mut self.coming else {
                if leaving.changed().await.is_err() {
                    return pending().await;
                }
                continue;
            };
            tokio::select! {
                outcome = &mut coming.task => {
                    if let Err(Setback::Failed(error)) = self.welcome(outcome) {
                        warn!("a model could not be brought back in the background: {error}");
                    }
                    return;
                }
                changed = leaving.changed() => if changed.is_err() {
                    return pending().await;
                },
            }
        }
    }
}

/// Ends whoever is asked to leave, loaded or on its way, for as long as this runs.
async fn make_way(
    residents: &mut Residents,
    coming: &mut Option<Coming>,
    mut leaving: watch::Receiver<BTreeSet<String>>,
) -> Infallible {
    loop {
        let models = leaving.borrow_and_update().clone();
        residents.end_these(&models).await;
        coming.take_if(|coming| models.contains(&coming.key));
        if leaving.changed().await.is_err() {
            return pending().await;
        }
    }
}
