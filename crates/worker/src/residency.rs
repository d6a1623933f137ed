//! Which model's jobs a worker prefers: pure rules, given the time.
//!
//! Changing the model costs more than most jobs, so jobs of the model in memory come first. A worker may stay with it for
//! a residency quantum, about ten times what the load took, while others wait; then the oldest job of another model is next.
//! A fixed age ("a job that has waited a minute goes first") is no escape: once the queue is longer than that age, every
//! choice changes the model, the queue grows, and it never recovers. The tests replay that.

use std::{collections::HashMap, time::Duration};

use queue::Affinity;

/// The quantum is this many times the load time of the model.
const QUANTUM_IN_LOADS: u32 = 10;
/// A model that could not be loaded is left to other workers this long, the first time.
const FIRST_EXCLUSION: Duration = Duration::from_secs(15);
/// The exclusion doubles with every further failure, up to this.
const LONGEST_EXCLUSION: Duration = Duration::from_secs(300);

/// What a worker remembers of its models. Times are counted from the worker's start.
#[derive(Debug)]
pub(crate) struct Residency {
    least_quantum: Duration,
    /// Until when the model that was loaded last comes first.
    prefers_warm_until: Duration,
    failed: HashMap<String, Exclusion>,
}

#[derive(Debug, Clone, Copy)]
struct Exclusion {
    until: Duration,
    lasts: Duration,
}

impl Residency {
    /// Returns the memory of a fresh worker. No quantum is shorter than `least_quantum`.
    pub(crate) fn new(least_quantum: Duration) -> Self {
        Self { least_quantum, prefers_warm_until: Duration::ZERO, failed: HashMap::new() }
    }

    /// Notes that a model was brought into memory at `now`.
    pub(crate) fn loaded(&mut self, now: Duration, model: &str, load: Duration) {
        self.prefers_warm_until = now + (load * QUANTUM_IN_LOADS).max(self.least_quantum);
        self.failed.remove(model);
    }

    /// Notes that a model could not be brought into memory here.
    pub(crate) fn load_failed(&mut self, now: Duration, model: &str) {
        let lasts = match self.failed.get(model) {
            Some(earlier) => (earlier.lasts * 2).min(LONGEST_EXCLUSION),
            None => FIRST_EXCLUSION,
        };
        self.failed.insert(model.to_owned(), Exclusion { until: now + lasts, lasts });
    }

    /// Returns what to prefer at `now`.
    pub(crate) fn affinity(&self, now: Duration, resident_models: Vec<String>) -> Affinity {
        let mut excluded_models: Vec<String> =
            self.failed.iter().filter(|(_, exclusion)| exclusion.until > now).map(|(model, _)| model.clone()).collect();
        excluded_models.sort_unstable();
        Affinity {
            warm_models: resident_models,
            prefer_warm: now < self.prefers_warm_until,
            excluded_models,
            memory_mib: None,
        }
    }

    /// Returns after which time the affinity of `now` is out of date because an exclusion has lapsed.
    pub(crate) fn next_change(&self, now: Duration) -> Option<Duration> {
        self.failed.values().filter(|exclusion| exclusion.until > now).map(|exclusion| exclusion.until - now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Duration = Duration::from_secs(10);

    fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_warm_model_comes_first_for_ten_times_its_load() {
        let mut residency = Residency::new(second(5));
        residency.loaded(second(10), "a", LOAD);
        assert!(residency.affinity(second(109), vec!["a".into()]).prefer_warm);
        assert!(!residency.affinity(second(110), vec!["a".into()]).prefer_warm);
    }

    #[test]
    fn a_model_that_loads_at_once_still_has_the_least_quantum() {
        let mut residency = Residency::new(second(5));
        residency.loaded(second(10), "a", Duration::from_millis(1));
        assert!(residency.affinity(second(14), vec!["a".into()]).prefer_warm);
        assert!(!residency.affinity(second(15), vec!["a".into()]).prefer_warm);
    }

    #[test]
    fn a_model_that_does_not_load_is_left_to_others_for_longer_each_time() {
        let mut residency = Residency::new(second(5));
        residency.load_failed(second(0), "bad");
        assert_eq!(residency.affinity(second(14), vec![]).excluded_models, ["bad"]);
        assert_eq!(residency.next_change(second(14)), Some(second(1)));
        assert!(residency.affinity(second(15), vec![]).excluded_models.is_empty());
        assert_eq!(residency.next_change(second(15)), None);
        residency.load_failed(second(20), "bad");
        assert_eq!(residency.affinity(second(49), vec![]).excluded_models, ["bad"]);
        residency.loaded(second(50), "bad", LOAD);
        assert!(residency.affinity(second(50), vec![]).excluded_models.is_empty());
    }

    /// One worker, four models, six seconds a job, ten seconds a change of model, one job every seven and a half seconds:
    /// too much for first come, first served, and little more than half of what is possible.
    struct Simulation {
        now_s: f64,
        warm: Option<u8>,
        waiting: Vec<(f64, u8)>,
        changes: u32,
    }

    const JOBS: usize = 3000;
    const JOB_S: f64 = 6.0;
    const LOAD_S: f64 = 10.0;

    impl Simulation {
        fn oldest(&self, keep: impl Fn(u8) -> bool) -> Option<usize> {
            self.waiting.iter().position(|(_, model)| keep(*model))
        }

        fn is_warm(&self, model: u8) -> bool {
            self.warm == Some(model)
        }

        /// Returns {jobs an hour, longest wait in seconds, changes of model}.
        fn run(mut choose: impl FnMut(&Self) -> usize, mut changed: impl FnMut(&Self)) -> (f64, f64, u32) {
            let mut random = fastrand::Rng::with_seed(1);
            let mut at_s = 0.0;
            let mut arrivals = std::collections::VecDeque::new();
            for _ in 0..JOBS {
                at_s -= 7.5 * (1.0 - random.f64()).ln();
                arrivals.push_back((at_s, random.u8(0..4)));
            }
            let mut this = Self { now_s: 0.0, warm: None, waiting: Vec::new(), changes: 0 };
            let mut longest_s = 0.0_f64;
            loop {
                while arrivals.front().is_some_and(|(at_s, _)| *at_s <= this.now_s) {
                    this.waiting.extend(arrivals.pop_front());
                }
                if this.waiting.is_empty() {
                    let Some((at_s, _)) = arrivals.front() else { break };
                    this.now_s = *at_s;
                    continue;
                }
                let (submitted_s, model) = this.waiting.remove(choose(&this));
                if !this.is_warm(model) {
                    this.now_s += LOAD_S;
                    this.warm = Some(model);
                    this.changes += 1;
                    changed(&this);
                }
                longest_s = longest_s.max(this.now_s - submitted_s);
                this.now_s += JOB_S;
            }
            (JOBS as f64 / this.now_s * 3600.0, longest_s, this.changes)
        }
    }

    #[test]
    fn the_quantum_holds_under_a_load_where_a_fixed_age_collapses() {
        let residency = std::cell::RefCell::new(Residency::new(second(5)));
        let (quantum_jobs, quantum_wait_s, quantum_changes) = Simulation::run(
            |queue| {
                let affinity = residency.borrow().affinity(Duration::from_secs_f64(queue.now_s), vec![]);
                let warm = queue.oldest(|model| queue.is_warm(model));
                let other = queue.oldest(|model| !queue.is_warm(model));
                let (first, second) = if affinity.prefer_warm { (warm, other) } else { (other, warm) };
                first.or(second).expect("one waits")
            },
            |queue| residency.borrow_mut().loaded(Duration::from_secs_f64(queue.now_s), "m", LOAD),
        );
        let (age_jobs, age_wait_s, age_changes) = Simulation::run(
            |queue| match queue.waiting[0] {
                (submitted_s, _) if queue.now_s - submitted_s > 60.0 => 0,
                _ => queue.oldest(|model| queue.is_warm(model)).unwrap_or(0),
            },
            |_| {},
        );
        assert!(quantum_jobs > 1.5 * age_jobs, "{quantum_jobs:.0} against {age_jobs:.0} jobs an hour");
        assert!(quantum_wait_s * 10.0 < age_wait_s, "waits of {quantum_wait_s:.0} s against {age_wait_s:.0} s");
        assert!(quantum_changes * 4 < age_changes, "{quantum_changes} against {age_changes} changes of model");
    }
}
