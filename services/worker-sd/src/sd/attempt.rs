//! One try at the pictures of an order, and what changes before the next when memory runs out.

use std::sync::Arc;

use models::memory::{Plan, tiles};
use tracing::warn;
use worker::{
    EngineError, Order, Picture, Run,
    exhaustion::{Kills, is_out_of_memory},
};

use super::{SdEngine, coming::Setback, held, residents::Resident, session::Trouble};

impl SdEngine {
    /// Makes the pictures of an order as planned, with the child that has the model.
    pub(super) async fn attempt(
        &mut self,
        key: &str,
        order: &Order,
        plan: &Plan,
        run: &Run,
    ) -> Result<Vec<Picture>, Setback> {
        let failed = |error| Err(Setback::Failed(error));
        let Some(mut resident) = self.residents.take(key) else {
            return failed(EngineError::Engine { message: "no model is loaded".to_owned() });
        };
        resident.begin();
        let kills = Kills::now();
        // Taken out for so long, so that the others can leave meanwhile.
        let resident = self.working.insert(resident);
        let tiles = tiles(&plan.steps);
        let outcome = tokio::select! {
            biased;
            outcome = resident.session.run(order, tiles, &self.settings.library, run) => outcome,
            never = self.residents.heed(self.ledger.watch_leaving()) => match never {},
            never = Resident::tell_remaining(&resident.holding, run.remaining()) => match never {},
        };
        let is_as_planned = *resident.wanted == held::held(&resident.source.wanted, &plan.steps);
        let peak_mib = resident.weigh().filter(|_| is_as_planned);
        let trouble = match outcome {
            Ok(pictures) => {
                if let Some(peak_mib) = peak_mib {
                    self.lessons.note_peak(key, plan, peak_mib);
                }
                plan.measures.iter().for_each(|measure| run.note_measure(measure.clone()));
                run.note_memory(peak_mib, plan.steps.clone());
                return Ok(pictures);
            }
            Err(trouble) => trouble,
        };
        match trouble {
            Trouble::Refused(error) => {
                let message = error.to_string();
                if is_out_of_memory(&message, kills, Kills::now()) {
                    return Err(Setback::OutOfMemory(message));
                }
                failed(error)
            }
            Trouble::Failed(message) if is_out_of_memory(&message, kills, Kills::now()) => {
                Err(Setback::OutOfMemory(message))
            }
            Trouble::Failed(message) => failed(EngineError::Engine { message }),
            Trouble::Stopped => failed(EngineError::Cancelled),
            Trouble::MustBeKilled => {
                if let Some(killed) = self.working.take() {
                    let (source, wanted) = (killed.source.clone(), Arc::clone(&killed.wanted));
                    let holding = killed.leave_to_another().await;
                    self.bring(key, &source, &wanted, holding);
                }
                failed(EngineError::Cancelled)
            }
            Trouble::Gone => {
                let message = resident.session.last_words("made the picture").await;
                self.working = None;
                if is_out_of_memory(&message, kills, Kills::now()) {
                    return Err(Setback::OutOfMemory(message));
                }
                self.note_crash(&message);
                failed(EngineError::Crashed { message })
            }
        }
    }

    /// Changes something after memory ran out, so that the next try needs less or finds more: all others leave, those of
    /// other workers too; then the run climbs the ladder. An error at its top.
    pub(super) async fn give_way(
        &mut self,
        key: &str,
        plan: &Plan,
        message: &str,
        run: &Run,
    ) -> Result<(), EngineError> {
        if !plan.is_alone && self.clear(key, plan, run).await? {
            self.lessons.note_crowd(key, plan);
            warn!(model.id = key, "memory ran out with {key}; all other models have left: {message}");
            return Ok(());
        }
        if self.lessons.climb(key, plan) {
            warn!(model.id = key, "memory ran out with {key}; the next try saves more of it: {message}");
            return Ok(());
        }
        Err(EngineError::TooLarge {
            message: format!("memory ran out, whatever was done to save it: {message}"),
            remedy: "ask for a smaller picture, or take a smaller or quantised model".to_owned(),
        })
    }
}
