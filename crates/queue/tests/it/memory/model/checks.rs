//! What must hold after every word that a worker speaks.

use super::world::{Waits, World};
use crate::memory::desk::{COMFORTABLE_MIB, Heard, Kept, KeptHolding, LEASE_MS, TOTAL_MIB};

/// Loaded less than this ago, or twice its load ago, nobody is asked to leave.
const LEAST_RESIDENCY_MS: i64 = 5000;
/// A new ledger grants nothing for this time: two of five signs of life in a lease.
const CLOSED_MS: i64 = LEASE_MS * 2 / 5;
/// How much of the server's time passes by itself within a series.
const SLOP_MS: i64 = 5000;

impl World {
    /// A worker says all that it has to say; what that changed is checked.
    pub(super) async fn say(&mut self, worker: usize) -> Heard {
        let (name, told) = (self.workers[worker].name.clone(), self.workers[worker].told.clone());
        let before = self.kept.take();
        if before.is_none() {
            self.closed_ms = CLOSED_MS;
        }
        // The line as it is now: what this worker asks no more is gone, what is new comes last.
        self.line.retain(|waits| {
            waits.worker != name || told.asked.get(&waits.model).is_some_and(|asked| asked.ask == waits.ask)
        });
        let granted_unheard = |model: &str, ask: u64| {
            let kept = before.as_ref().and_then(|kept| kept.workers.get(&name));
            kept.and_then(|kept| kept.holdings.get(model)).is_some_and(|holding| holding.ask == ask)
        };
        for (model, asked) in &told.asked {
            let waits = Waits { worker: name.clone(), model: model.clone(), ask: asked.ask };
            if !self.line.contains(&waits) && !granted_unheard(model, asked.ask) {
                self.line.push(waits);
            }
        }
        let unheard: Vec<_> = told
            .asked
            .iter()
            .filter(|(model, asked)| granted_unheard(model, asked.ask))
            .map(|(_, asked)| asked.ask)
            .collect();
        let heard = self.desk.sync(&name, &told).await;
        for ask in unheard {
            assert!(heard.granted.contains(&ask), "{name} was not told again of {ask}: {heard:?}");
            self.count("granted again after a lost answer");
        }
        let kept = self.desk.kept().await.expect("somebody spoke");
        self.check_grants(before.as_ref(), &kept);
        self.check_leaving(before.as_ref(), &kept);
        for (model, held) in &told.held {
            let holding = &kept.workers[&name].holdings[model];
            let is_told = (holding.mib, holding.ask) == (held.mib, held.ask);
            assert!(is_told || told.asked.contains_key(model), "{name} holds {held:?}, and the ledger {holding:?}");
        }
        self.kept = Some(kept);
        heard
    }

    /// A worker takes what it was granted. Returns which models must leave.
    pub(super) fn hear(&mut self, worker: usize, heard: Heard) -> Vec<String> {
        for ask in heard.granted {
            self.workers[worker].take(ask);
        }
        for reason in heard.waiting.iter().filter(|reason| reason["is_hopeless"] == true) {
            let model = reason["model"].as_str().expect("a model");
            self.workers[worker].told.asked.remove(model);
            self.count("hopeless");
        }
        heard.leaving
    }

    /// Whoever was granted memory was first in line, and it fitted.
    fn check_grants(&mut self, before: Option<&Kept>, kept: &Kept) {
        let holds = |waits: &Waits| {
            let worker = kept.workers.get(&waits.worker);
            worker.and_then(|worker| worker.holdings.get(&waits.model)).is_some_and(|holding| holding.ask == waits.ask)
        };
        let granted: Vec<Waits> = self.line.iter().filter(|waits| holds(waits)).cloned().collect();
        if granted.is_empty() {
            return;
        }
        assert!(self.closed_ms <= SLOP_MS, "{granted:?} while the ledger is closed for {} ms", self.closed_ms);
        // What was pinned a moment ago need not be any more, by what was granted just now.
        let could_never =
            |waits: &Waits| is_hopeless(kept, waits) || before.is_some_and(|before| is_hopeless(before, waits));
        let could_have: Vec<&Waits> = self.line.iter().filter(|waits| holds(waits) || !could_never(waits)).collect();
        let first: Vec<&Waits> = could_have.iter().take(granted.len()).copied().collect();
        assert!(first.iter().all(|waits| holds(waits)), "{granted:?} overtook others in {:?}", self.line);
        let all: Vec<_> = kept.holdings().collect();
        let sum_mib: u64 = all.iter().map(|(_, _, holding)| holding.mib).sum();
        let last = &granted[granted.len() - 1];
        let mut others = all.iter().filter(|(worker, model, _)| (*worker, *model) != (&last.worker, &last.model));
        let is_alone = others.clone().next().is_none();
        let are_pinned = others.all(|(_, _, holding)| holding.pinned);
        let fits = sum_mib <= COMFORTABLE_MIB || is_alone || (are_pinned && sum_mib <= TOTAL_MIB);
        assert!(fits, "{granted:?} did not fit: {all:?}");
        self.count(match (sum_mib > COMFORTABLE_MIB, is_alone) {
            (true, true) => "granted alone",
            (true, false) => "granted beside what is pinned",
            _ if self.line.len() == 1 => "granted at once",
            _ => "granted after a wait",
        });
        self.line.retain(|waits| !granted.contains(waits));
    }

    /// Whoever is asked to leave has had its time, is not pinned, and is needed for the first in line.
    fn check_leaving(&mut self, before: Option<&Kept>, kept: &Kept) {
        let sum = |holdings: &[&KeptHolding]| -> u64 { holdings.iter().map(|holding| holding.mib).sum() };
        let flagged = || kept.holdings().filter(|(_, _, holding)| holding.evict);
        let leaving: Vec<&KeptHolding> = flagged().map(|(_, _, holding)| holding).collect();
        let all_mib: u64 = kept.holdings().map(|(_, _, holding)| holding.mib).sum();
        if all_mib > TOTAL_MIB && kept.holdings().count() > 1 {
            self.count("over full");
        }
        let first = self.line.iter().find(|waits| !is_hopeless(kept, waits));
        let excess_mib = match first {
            Some(waits) if kept.closed_until <= kept.heard => {
                let request = &kept.workers[&waits.worker].requests[&waits.model];
                assert_eq!(request.ask, waits.ask);
                let own = kept.workers[&waits.worker].holdings.get(&waits.model);
                assert!(own.is_none_or(|own| !own.evict), "the first in line is asked to leave: {kept:?}");
                let others =
                    kept.holdings().filter(|(worker, model, _)| (*worker, *model) != (&waits.worker, &waits.model));
                let others: Vec<&KeptHolding> = others.map(|(_, _, holding)| holding).collect();
                let are_pinned = others.iter().all(|holding| holding.pinned);
                let limit_mib = if are_pinned { TOTAL_MIB } else { COMFORTABLE_MIB };
                let needed_mib = sum(&others) + request.mib;
                assert!(!others.is_empty() && needed_mib > limit_mib, "{waits:?} fits and waits: {kept:?}");
                needed_mib - limit_mib
            }
            _ => all_mib.saturating_sub(TOTAL_MIB),
        };
        if leaving.is_empty() {
            return;
        }
        assert!(excess_mib > 0, "{leaving:?} leave for nobody: {kept:?}");
        for (worker, model, holding) in flagged() {
            assert!(!holding.pinned, "{holding:?} is pinned and asked to leave");
            let least_ms = LEAST_RESIDENCY_MS.max(2 * holding.load_ms);
            let is_due = kept.heard - holding.loaded >= least_ms || first.is_some_and(|first| first.worker == *worker);
            // Who was asked in time need not be asked again.
            let was_asked = before.is_some_and(|before| before.is_asked(worker, model));
            assert!(is_due || was_asked, "{holding:?} is asked to leave too soon: {kept:?}");
            assert!(sum(&leaving) - holding.mib < excess_mib, "{holding:?} leaves in vain: {kept:?}");
        }
        self.count("asked to leave");
        if leaving.iter().any(|holding| holding.state != "idle") {
            self.count("a busy one asked to leave");
        }
    }
}

/// Returns whether a request can never be granted beside what is pinned.
fn is_hopeless(kept: &Kept, waits: &Waits) -> bool {
    let request = kept.workers.get(&waits.worker).and_then(|worker| worker.requests.get(&waits.model));
    let pinned_mib: u64 = kept
        .holdings()
        .filter(|(worker, model, holding)| holding.pinned && (*worker, *model) != (&waits.worker, &waits.model))
        .map(|(_, _, holding)| holding.mib)
        .sum();
    request.is_some_and(|request| pinned_mib > 0 && pinned_mib + request.mib > TOTAL_MIB)
}
