//! Whoever does the harm.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use contract::event::Phase;
use fastrand::Rng;
use rustix::process::Signal;

use super::{
    LEASE, Options,
    fleet::{Fleet, Service},
    load::Load,
    watch::Watch,
};
use crate::{plan::Engine, processes};

/// How long a phase may take to be seen before the blow falls elsewhere.
const SIGHTING_LIMIT: Duration = Duration::from_millis(2500);
/// The rest between two blows.
const REST_MS: std::ops::Range<u64> = 250..1100;
/// The largest end of the log that a power cut takes.
const MOST_CUT_BYTES: u64 = 40_000;

/// The named points at which the API can be told to die: between the steps that must not come apart.
const FAILPOINTS: [&str; 13] = [
    "after_insert",
    "after_mark_published",
    "after_publish",
    "mid_project",
    "after_commit",
    "before_settle",
    "after_settle",
    "after_cancel_mark",
    "after_adopt",
    "after_put_back",
    "mid_group_insert",
    "mid_group_end",
    "after_group_end",
];

/// What can happen to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// `kill -9` of a worker, whatever it does.
    KillWorker,
    /// `kill -9` of the worker that was just seen in this phase.
    KillWorkerIn(Phase),
    /// `kill -9` of an engine, under its worker.
    KillEngine,
    /// A worker stands still for longer than its lease, and then goes on as if nothing had happened.
    StopWorker,
    /// SIGTERM under load.
    TermWorker,
    /// `kill -9` of the API, whatever it does.
    KillApi,
    /// The API dies at a named point.
    KillApiAt(&'static str),
    /// `kill -9` of Valkey.
    KillValkey,
    /// Valkey stands still for a while.
    StopValkey,
    /// `kill -9` of Valkey, and the last writes never reached the disk.
    CutLog,
    /// Everything in Valkey is gone.
    Wipe,
}

impl Fault {
    fn all(engine: Engine) -> Vec<Self> {
        let mut all = vec![
            Self::KillWorker,
            Self::KillWorkerIn(Phase::Loading),
            Self::KillWorkerIn(Phase::Sampling),
            Self::KillWorkerIn(Phase::Storing),
            Self::StopWorker,
            Self::TermWorker,
            Self::KillApi,
            Self::KillValkey,
            Self::StopValkey,
            Self::CutLog,
            Self::Wipe,
        ];
        match engine {
            Engine::Scripted(_) => all.extend(FAILPOINTS.map(Self::KillApiAt)),
            Engine::StableDiffusion => all.extend([Self::KillEngine; 4]),
        }
        all
    }

    fn name(self) -> String {
        match self {
            Self::KillWorker => "kill worker".to_owned(),
            Self::KillWorkerIn(phase) => format!("kill worker in {phase:?}").to_lowercase(),
            Self::KillEngine => "kill engine".to_owned(),
            Self::StopWorker => "stop worker".to_owned(),
            Self::TermWorker => "term worker".to_owned(),
            Self::KillApi => "kill api".to_owned(),
            Self::KillApiAt(point) => format!("kill api {point}"),
            Self::KillValkey => "kill valkey".to_owned(),
            Self::StopValkey => "stop valkey".to_owned(),
            Self::CutLog => "cut log".to_owned(),
            Self::Wipe => "wipe valkey".to_owned(),
        }
    }
}

/// Does harm as the seed says.
pub struct Nemesis {
    fleet: Arc<Fleet>,
    watch: Watch,
    options: Options,
    chance: Rng,
}

impl Nemesis {
    /// Returns one that has done nothing yet.
    #[must_use]
    pub fn new(fleet: Arc<Fleet>, watch: Watch, options: Options, chance: Rng) -> Self {
        Self { fleet, watch, options, chance }
    }

    /// Does harm until the time is over and everything was submitted; returns what happened how often.
    /// Every fault comes once before any comes again.
    pub async fn rage(mut self, until: Instant, load: &Load) -> BTreeMap<String, usize> {
        let mut done = BTreeMap::new();
        let mut bag = Vec::new();
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(self.chance.u64(REST_MS))).await;
            if bag.is_empty() {
                bag = Fault::all(self.options.engine);
                self.chance.shuffle(&mut bag);
            }
            let Some(fault) = bag.pop() else { continue };
            match self.strike(fault).await {
                Ok(true) => *done.entry(fault.name()).or_default() += 1,
                Ok(false) => {}
                Err(error) => *done.entry(format!("could not {}: {error:#}", fault.name())).or_default() += 1,
            }
            if load.is_done() && Instant::now() > until {
                break;
            }
        }
        done
    }

    /// Does one thing; false if there was no occasion.
    async fn strike(&mut self, fault: Fault) -> anyhow::Result<bool> {
        let worker = Service::Worker(self.chance.usize(..self.fleet.workers()));
        match fault {
            Fault::KillWorker => self.fleet.signal(worker, Signal::KILL),
            Fault::TermWorker => self.fleet.signal(worker, Signal::TERM),
            Fault::KillApi => self.fleet.signal(Service::Api, Signal::KILL),
            Fault::KillApiAt(point) => {
                self.fleet.arm(Service::Api, point);
                self.fleet.signal(Service::Api, Signal::KILL);
            }
            Fault::KillWorkerIn(phase) => {
                let Some(seen) = self.watch.next_in_phase(phase, SIGHTING_LIMIT).await else { return Ok(false) };
                let Some(worker) = self.fleet.find_worker(&seen.worker) else { return Ok(false) };
                self.fleet.signal(worker, Signal::KILL);
            }
            Fault::KillEngine => return Ok(self.kill_engine()),
            Fault::StopWorker => self.stop_worker(worker),
            Fault::StopValkey => {
                self.fleet.valkey().sigstop()?;
                tokio::time::sleep(Duration::from_millis(self.chance.u64(300..2000))).await;
                self.fleet.valkey().sigcont()?;
            }
            Fault::KillValkey => self.restart_valkey(0)?,
            Fault::CutLog => {
                let bytes = self.chance.u64(1..=MOST_CUT_BYTES);
                self.restart_valkey(bytes)?;
            }
            Fault::Wipe => self.fleet.valkey().flush()?,
        }
        Ok(true)
    }

    fn stop_worker(&mut self, worker: Service) {
        let pause = LEASE.mul_f64(1.2 + self.chance.f64());
        self.fleet.signal(worker, Signal::STOP);
        let (fleet, pid) = (Arc::clone(&self.fleet), self.fleet.pid(worker));
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            // Another process may have taken its place meanwhile, and that one does not stand still.
            if fleet.pid(worker) == pid {
                fleet.signal(worker, Signal::CONT);
            }
        });
    }

    fn kill_engine(&mut self) -> bool {
        let Some(program) = self.fleet.sd_engine() else { return false };
        let workers = (0..self.fleet.workers()).filter_map(|number| self.fleet.pid(Service::Worker(number)));
        let engines: Vec<_> =
            workers.flat_map(processes::children).filter(|process| process.program == program).collect();
        self.chance.choice(engines).is_some_and(|engine| engine.kill())
    }

    fn restart_valkey(&self, cut_bytes: u64) -> anyhow::Result<()> {
        let valkey = self.fleet.valkey();
        valkey.kill9()?;
        if cut_bytes > 0 {
            valkey.cut_aof_tail(cut_bytes)?;
        }
        valkey.restart()
    }
}
