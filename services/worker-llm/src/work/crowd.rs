//! Who is at work: how many jobs of each model.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use contract::JobId;
use tokio::sync::watch;

/// More jobs than this at once are more than one process should look after.
const MOST: usize = 256;

/// Who is at work.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    jobs: Mutex<BTreeMap<String, Vec<JobId>>>,
    changed: watch::Sender<()>,
}

/// A job at work. It leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Arc<Crowd>,
    model: String,
    id: JobId,
}

impl Crowd {
    /// Notes that a job of a model begins.
    pub(super) fn enter(self: &Arc<Self>, model: &str, id: JobId) -> Seat {
        self.lock().entry(model.to_owned()).or_default().push(id);
        self.changed.send_replace(());
        Seat { crowd: Arc::clone(self), model: model.to_owned(), id }
    }

    /// Returns the models of which no further job can begin; none where no job at all can.
    pub(super) fn full_models(&self, slots: impl Fn(&str) -> u32) -> Option<Vec<String>> {
        let jobs: Vec<(String, usize)> = self.lock().iter().map(|(model, jobs)| (model.clone(), jobs.len())).collect();
        if jobs.iter().map(|(_, count)| count).sum::<usize>() >= MOST {
            return None;
        }
        Some(jobs.into_iter().filter(|(model, count)| *count >= slots(model) as usize).map(|(model, _)| model).collect())
    }

    /// Returns one of the jobs, for people.
    pub(super) fn first(&self) -> Option<JobId> {
        self.lock().values().flatten().min().copied()
    }

    /// Follows who comes and goes.
    pub(super) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<JobId>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut jobs = self.crowd.lock();
        if let Some(ids) = jobs.get_mut(&self.model) {
            ids.retain(|id| *id != self.id);
            if ids.is_empty() {
                jobs.remove(&self.model);
            }
        }
        drop(jobs);
        self.crowd.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_full_when_all_its_slots_are_taken_and_free_again_when_one_leaves() {
        let crowd = Arc::new(Crowd::default());
        let slots = |model: &str| if model == "a" { 2 } else { 1 };
        let first = crowd.enter("a", JobId::new());
        assert_eq!(crowd.full_models(slots), Some(vec![]));
        let _second = crowd.enter("a", JobId::new());
        let _third = crowd.enter("b", JobId::new());
        assert_eq!(crowd.full_models(slots), Some(vec!["a".to_owned(), "b".to_owned()]));
        drop(first);
        assert_eq!(crowd.full_models(slots), Some(vec!["b".to_owned()]));
    }

    #[test]
    fn there_is_an_end_to_how_many_jobs_one_process_takes() {
        let crowd = Arc::new(Crowd::default());
        let _seats: Vec<_> = (0..MOST).map(|number| crowd.enter(&number.to_string(), JobId::new())).collect();
        assert_eq!(crowd.full_models(|_| 1000), None);
    }
}
