//! The world of the model: what the workers have and ask for, the line as they stood in it, and the ledger itself.

use std::collections::BTreeMap;

use proptest::sample::Index;

use super::operation::Operation;
use crate::memory::desk::{Asked, Desk, Held, Kept, LEASE_MS, TOTAL_MIB, Told};

/// How often everybody behaves before every request must be granted.
const ROUNDS: usize = 100;

/// A worker, as it sees itself.
#[derive(Debug, Default)]
pub(super) struct Worker {
    pub(super) name: String,
    pub(super) told: Told,
    pub(super) asks: u64,
}

/// Somebody who stands in the line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Waits {
    pub(super) worker: String,
    pub(super) model: String,
    pub(super) ask: u64,
}

/// The world of the model.
pub(super) struct World {
    pub(super) desk: Desk,
    pub(super) workers: Vec<Worker>,
    /// The line, as the workers told of it.
    pub(super) line: Vec<Waits>,
    /// The ledger after the last step.
    pub(super) kept: Option<Kept>,
    /// How long nothing may be granted.
    pub(super) closed_ms: i64,
    names: usize,
    tally: BTreeMap<&'static str, u32>,
}

impl World {
    pub(super) fn new(desk: Desk) -> Self {
        let (workers, line, tally) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { desk, workers, line, kept: None, closed_ms: 0, names: 0, tally }
    }

    /// Begins a new series: three workers on an empty ledger that is open.
    pub(super) async fn begin(&mut self) {
        self.desk.wipe().await;
        self.line.clear();
        self.kept = None;
        self.closed_ms = 0;
        self.workers = (0..3).map(|_| Worker::default()).collect();
        for place in 0..3 {
            self.christen(place);
            self.speak(place).await;
        }
        self.desk.open().await;
        self.closed_ms = 0;
        self.kept = self.desk.kept().await;
    }

    pub(super) fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    pub(super) fn assert_everything_happened(&self) {
        let interesting = [
            "granted at once",
            "granted after a wait",
            "granted alone",
            "granted beside what is pinned",
            "granted again after a lost answer",
            "asked to leave",
            "a busy one asked to leave",
            "left because it was asked",
            "hopeless",
            "lapsed",
            "over full",
            "forgiven",
            "lost everything",
        ];
        for what in interesting {
            assert!(self.tally.contains_key(what), "in all these series nothing was ever {what:?}: {:?}", self.tally);
        }
    }

    pub(super) async fn perform(&mut self, operation: &Operation) {
        match operation {
            Operation::Reserve { worker, model, mib, load_ms, is_pinned } => {
                let asked = Asked { mib: *mib, load_ms: *load_ms, is_pinned: *is_pinned, ask: 0 };
                self.reserve(*worker, *model, asked).await;
            }
            Operation::Withdraw { worker, which } => {
                let asked = &mut self.workers[*worker].told.asked;
                if let Some(model) = pick(asked, which) {
                    asked.remove(&model);
                    self.speak(*worker).await;
                }
            }
            Operation::Work { worker, which } => self.turn(*worker, which, "busy", 100).await,
            Operation::Rest { worker, which, percent } => self.turn(*worker, which, "idle", *percent).await,
            Operation::Leave { worker, which } => {
                let held = &mut self.workers[*worker].told.held;
                if let Some(model) = pick(held, which) {
                    held.remove(&model);
                    self.speak(*worker).await;
                }
            }
            Operation::Obey { worker } => self.obey(*worker).await,
            Operation::LoseAnswer { worker } => drop(self.say(*worker).await),
            Operation::Die { worker } => self.die(*worker).await,
            Operation::FallSilent { worker } => {
                let name = self.workers[*worker].name.clone();
                self.fall_silent(&name).await;
                self.speak((*worker + 1) % 3).await;
                let kept = self.kept.as_ref().expect("somebody spoke");
                assert!(!kept.workers.contains_key(&name), "{name} is dead and still has something: {kept:?}");
                self.count("lapsed");
                self.speak(*worker).await;
            }
            Operation::ComeBackTooLate { worker, mib } => {
                self.give_everything_back().await;
                let asked = Asked { mib: *mib, load_ms: 0, is_pinned: false, ask: 0 };
                self.reserve(*worker, 0, asked.clone()).await;
                let name = self.workers[*worker].name.clone();
                self.fall_silent(&name).await;
                self.reserve((*worker + 1) % 3, 0, asked).await;
                self.speak(*worker).await;
            }
            Operation::FillUpBesidePinned { worker, mib } => {
                self.give_everything_back().await;
                self.reserve(*worker, 0, Asked { mib: *mib, load_ms: 0, is_pinned: true, ask: 0 }).await;
                let rest = Asked { mib: TOTAL_MIB - mib, load_ms: 0, is_pinned: false, ask: 0 };
                self.reserve((*worker + 1) % 3, 0, rest).await;
                let all = Asked { mib: TOTAL_MIB, load_ms: 0, is_pinned: false, ask: 0 };
                self.reserve((*worker + 2) % 3, 0, all).await;
            }
            Operation::Pass { ms } => self.pass(*ms).await,
            Operation::Outage => {
                let before: Vec<String> = self.kept.iter().flat_map(|kept| kept.workers.keys().cloned()).collect();
                self.desk.pass(10 * LEASE_MS).await;
                self.closed_ms -= 10 * LEASE_MS;
                self.workers.iter_mut().for_each(|worker| worker.age(10 * LEASE_MS));
                self.speak(0).await;
                let kept = self.kept.as_ref().expect("somebody spoke");
                assert!(
                    before.iter().all(|name| kept.workers.contains_key(name)),
                    "an outage killed some of {before:?}"
                );
                self.count("forgiven");
            }
            Operation::Wipe => {
                self.desk.wipe().await;
                self.line.clear();
                self.kept = None;
                self.speak(0).await;
                self.count("lost everything");
            }
        }
    }

    /// A worker asks for memory for one of its models.
    async fn reserve(&mut self, worker: usize, model: u8, asked: Asked) {
        let it = &mut self.workers[worker];
        let model = char::from(b'a' + model).to_string();
        it.asks += 1;
        let asked = Asked { ask: it.asks, ..asked };
        if let Some(held) = it.told.held.get_mut(&model) {
            held.state = "idle";
        }
        it.told.asked.insert(model, asked);
        self.speak(worker).await;
    }

    /// Everybody gives back what they have and want, and the ledger is open.
    async fn give_everything_back(&mut self) {
        for worker in 0..self.workers.len() {
            self.workers[worker].told = Told::default();
            self.speak(worker).await;
        }
        self.pass(LEASE_MS).await;
    }

    /// A model begins to work or is done, unless it waits for more.
    async fn turn(&mut self, worker: usize, which: &Index, state: &'static str, percent: u64) {
        let told = &mut self.workers[worker].told;
        let Some(model) = pick(&told.held, which) else { return };
        if told.asked.contains_key(&model) {
            return;
        }
        if let Some(held) = told.held.get_mut(&model) {
            if held.state == "loading" {
                held.age_ms = 0;
            }
            (held.state, held.state_ms) = (state, 0);
            held.mib = (held.mib * percent / 100).max(1);
        }
        self.speak(worker).await;
    }

    /// A worker dies without a word, and another one starts.
    async fn die(&mut self, worker: usize) {
        let name = self.workers[worker].name.clone();
        self.workers[worker] = Worker::default();
        self.christen(worker);
        self.fall_silent(&name).await;
        self.speak(worker).await;
        let kept = self.kept.as_ref().expect("somebody spoke");
        assert!(!kept.workers.contains_key(&name), "{name} is dead and still has something: {kept:?}");
        self.count("lapsed");
    }

    async fn fall_silent(&mut self, name: &str) {
        self.desk.silence(name).await;
        self.line.retain(|waits| waits.worker != name);
        self.kept = self.desk.kept().await;
    }

    /// Time passes; everybody lives.
    async fn pass(&mut self, ms: i64) {
        self.desk.pass(ms).await;
        self.closed_ms -= ms;
        self.kept = self.desk.kept().await;
        self.workers.iter_mut().for_each(|worker| worker.age(ms));
        for worker in 0..self.workers.len() {
            self.speak(worker).await;
        }
    }

    /// A worker speaks and hears; what is idle and must leave leaves.
    async fn obey(&mut self, worker: usize) {
        let leaving = self.speak(worker).await;
        let told = &mut self.workers[worker].told;
        let mut has_left = false;
        for model in leaving {
            let may_leave =
                told.held.get(&model).is_some_and(|held| held.state == "idle" || told.asked.contains_key(&model));
            if may_leave {
                told.held.remove(&model);
                has_left = true;
            }
        }
        if has_left {
            self.count("left because it was asked");
            self.speak(worker).await;
        }
    }

    /// A worker speaks, hears, and takes what it was granted. Returns which models must leave.
    pub(super) async fn speak(&mut self, worker: usize) -> Vec<String> {
        let heard = self.say(worker).await;
        self.hear(worker, heard)
    }

    /// Lets everybody behave until every request is granted, then until nothing is left.
    pub(super) async fn drain(&mut self) {
        for _ in 0..ROUNDS {
            if self.workers.iter().all(|worker| worker.told.asked.is_empty()) {
                break;
            }
            for worker in 0..self.workers.len() {
                self.workers[worker].settle_down();
                self.obey(worker).await;
            }
            self.pass(5000).await;
        }
        for worker in &self.workers {
            assert!(worker.told.asked.is_empty(), "{worker:?} was never granted what it asked for: {:?}", self.kept);
        }
        self.give_everything_back().await;
        let kept = self.kept.as_ref().expect("they spoke");
        assert_eq!(kept.holdings().count(), 0, "{kept:?}");
    }

    fn christen(&mut self, place: usize) {
        self.names += 1;
        self.workers[place].name = format!("w{}", self.names);
    }
}

impl Worker {
    /// What it holds gets older.
    fn age(&mut self, ms: i64) {
        for held in self.told.held.values_mut() {
            held.state_ms += ms;
            held.age_ms += if held.state == "loading" { 0 } else { ms };
        }
    }

    /// Everything that was loaded or works is done.
    fn settle_down(&mut self) {
        for held in self.told.held.values_mut().filter(|held| held.state != "idle") {
            (held.state, held.state_ms) = ("idle", 0);
        }
        // Nobody needs what is pinned any more.
        self.told.held.values_mut().for_each(|held| held.is_pinned = false);
        self.told.asked.values_mut().for_each(|asked| asked.is_pinned = false);
    }

    /// Takes what was granted.
    pub(super) fn take(&mut self, ask: u64) {
        let Some(model) = self.told.asked.iter().find(|(_, asked)| asked.ask == ask).map(|(model, _)| model.clone())
        else {
            return;
        };
        let Some(asked) = self.told.asked.remove(&model) else { return };
        let known = self.told.held.get(&model);
        let (state, age_ms) = known.map_or(("loading", 0), |known| ("busy", known.age_ms));
        let Asked { mib, load_ms, is_pinned, ask } = asked;
        self.told.held.insert(model, Held { mib, state, load_ms, age_ms, state_ms: 0, is_pinned, ask });
    }
}

/// Picks one of the models, if there are any.
fn pick<T>(models: &BTreeMap<String, T>, which: &Index) -> Option<String> {
    (!models.is_empty()).then(|| models.keys().nth(which.index(models.len())).cloned()).flatten()
}
