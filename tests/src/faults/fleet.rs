//! The processes of a fault run, and the supervisor that starts again what died.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::bail;
use queue::Queue;
use rustix::process::Signal;
use testkit::valkey::TestValkey;
use tokio::task::JoinHandle;

use super::{LEASE, Options};
use crate::{
    child::{self, Child, Settings},
    client::Client,
    plan::Engine,
    processes,
    programs::Programs,
    wait,
};

/// How many workers there are.
pub const WORKERS: usize = 3;
/// How soon the supervisor sees that something died.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long anything may take until it is of use, or until it has stopped.
const PATIENCE: Duration = Duration::from_secs(30);
/// How old a file without a record must be before the sweep takes it: longer than any worker is stopped here.
pub const SWEEP_AFTER: Duration = Duration::from_secs(6);

/// A part of the system that the supervisor looks after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The front door.
    Api,
    /// One of the workers.
    Worker(usize),
}

/// What the processes are started with.
pub struct Setup {
    folder: PathBuf,
    valkey: TestValkey,
    programs: Programs,
    settings: Settings,
    workers: usize,
}

struct Slot {
    service: Service,
    child: Option<Child>,
    is_held: bool,
    failpoint: Option<&'static str>,
    starts: usize,
}

/// The processes of a fault run.
pub struct Fleet {
    setup: Setup,
    slots: Arc<Mutex<Vec<Slot>>>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

impl Setup {
    /// Prepares a folder.
    pub fn new(folder: &Path, options: &Options) -> anyhow::Result<Self> {
        let programs = Programs::find()?;
        let valkey = TestValkey::start_with(&["--aof-load-truncated", "yes", "--maxmemory-policy", "noeviction"])?;
        let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let mut settings: Settings = Settings::new();
        let mut set = |key: &str, value: String| settings.push((format!("ATELIER_{key}"), value));
        set("HOST", "127.0.0.1".to_owned());
        set("PORT", "0".to_owned());
        set("DATA_DIR", path("data"));
        set("MODELS_DIR", path("models"));
        set("OUTPUTS_DIR", path("outputs"));
        set("DATABASE_URL", format!("sqlite://{}", path("atelier.db")));
        set("VALKEY_URL", valkey.url());
        set("LEASE_MS", LEASE.as_millis().to_string());
        set("BACKOFF_MS", "100".to_owned());
        set("SWEEP_AFTER_S", SWEEP_AFTER.as_secs().to_string());
        set("THREADS", "1".to_owned());
        let workers = match options.engine {
            Engine::Scripted(step) => {
                set("ENGINE", "scripted".to_owned());
                set("SCRIPTED_STEP_MS", step.as_millis().to_string());
                // The scripted engine takes any name for a model; these are names that the API accepts.
                testkit::tiny_models::write_sd(&folder.join("models"))?;
                let checkpoints = folder.join("models/checkpoints");
                for another in ["second.json", "third.json"] {
                    std::fs::copy(checkpoints.join("smoke.json"), checkpoints.join(another))?;
                }
                WORKERS
            }
            Engine::StableDiffusion => {
                set("ENGINE", "sd".to_owned());
                set("SD_ENGINE", programs.sd_engine()?.to_string_lossy().into_owned());
                testkit::tiny_models::write_sd(&folder.join("models"))?;
                2
            }
        };
        if !options.reconcile {
            set("WITHOUT_RECONCILE", "1".to_owned());
        }
        Ok(Self { folder: folder.to_owned(), valkey, programs, settings, workers })
    }

    fn start(&self, slot: &mut Slot) -> anyhow::Result<()> {
        let (name, program) = match slot.service {
            Service::Api => ("api".to_owned(), self.programs.api()),
            Service::Worker(number) => (format!("worker-{number}"), self.programs.worker_sd()),
        };
        slot.starts += 1;
        let mut settings = self.settings.clone();
        if let Some(failpoint) = slot.failpoint.take() {
            settings.push(("ATELIER_FAILPOINT".to_owned(), failpoint.to_owned()));
        }
        // Each start has a log of its own: the last one tells the name under which the queue knows the worker.
        let name = format!("{name}.{}", slot.starts);
        slot.child = Some(Child::start(&name, &program, &settings, &self.folder.join("logs"))?);
        Ok(())
    }
}

impl Fleet {
    /// Starts everything and waits until jobs can be accepted.
    pub async fn start(setup: Setup) -> anyhow::Result<Self> {
        let mut services = vec![Service::Api];
        services.extend((0..setup.workers).map(Service::Worker));
        let slot = |service| Slot { service, child: None, is_held: false, failpoint: None, starts: 0 };
        let mut slots: Vec<_> = services.into_iter().map(slot).collect();
        for slot in &mut slots {
            setup.start(slot)?;
        }
        let fleet = Self { setup, slots: Arc::new(Mutex::new(slots)), supervisor: Mutex::new(None) };
        let client = fleet.client();
        let ready = wait::until(PATIENCE, "the API to be ready", || async {
            match fleet.ended(Service::Api) {
                Some(ended) => Some(Err(ended)),
                None => client.is_ready().await.then_some(Ok(())),
            }
        });
        match ready.await {
            Ok(Ok(())) => {}
            Ok(Err(ended)) => bail!("the API ended at once with {ended}:\n{}", fleet.log(Service::Api)),
            Err(error) => return Err(error.context(fleet.log(Service::Api))),
        }
        client.until_workers(fleet.setup.workers, PATIENCE).await?;
        Ok(fleet)
    }

    /// Begins to start again what dies.
    pub fn supervise(self: &Arc<Self>) {
        let fleet = Arc::downgrade(self);
        let supervisor = tokio::spawn(async move {
            while let Some(fleet) = fleet.upgrade() {
                fleet.restart_dead();
                drop(fleet);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        *lock(&self.supervisor) = Some(supervisor);
    }

    fn restart_dead(&self) {
        for slot in lock(&self.slots).iter_mut().filter(|slot| !slot.is_held) {
            if slot.child.as_mut().is_none_or(|child| child.ended().is_some()) {
                // A start that fails is tried again at the next look.
                let _ = self.setup.start(slot);
            }
        }
    }

    /// Returns a client that finds the API again after each restart.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.setup.folder.join("data/api.address"), None)
    }

    /// Connects to the queue.
    pub async fn queue(&self) -> anyhow::Result<Queue> {
        Ok(Queue::connect(&self.setup.valkey.url(), "atelier").await?)
    }

    /// Returns the queue's server.
    #[must_use]
    pub fn valkey(&self) -> &TestValkey {
        &self.setup.valkey
    }

    /// Returns the SQLite file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.setup.folder.join("atelier.db")
    }

    /// Returns the folder of finished files.
    #[must_use]
    pub fn outputs(&self) -> PathBuf {
        self.setup.folder.join("outputs")
    }

    /// Returns the engine that the workers start, if it was built.
    #[must_use]
    pub fn sd_engine(&self) -> Option<PathBuf> {
        self.setup.programs.sd_engine().ok()
    }

    /// Returns how many workers there are.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.setup.workers
    }

    /// Sends a signal to a service.
    pub fn signal(&self, service: Service, signal: Signal) {
        self.with(service, |slot| slot.child.as_mut().map(|child| child.signal(signal)));
    }

    /// Returns the process of a service.
    #[must_use]
    pub fn pid(&self, service: Service) -> Option<u32> {
        self.with(service, |slot| slot.child.as_ref().map(Child::pid))
    }

    /// Kills a service and leaves it dead until [`Fleet::release`].
    pub fn hold(&self, service: Service) {
        self.with(service, |slot| {
            slot.is_held = true;
            slot.child.as_mut().map(Child::kill)
        });
    }

    /// Lets the supervisor start a service again.
    pub fn release(&self, service: Service) {
        self.with(service, |slot| {
            slot.is_held = false;
            Some(())
        });
    }

    /// Lets the next start of a service die at a named point.
    pub fn arm(&self, service: Service, failpoint: &'static str) {
        self.with(service, |slot| slot.failpoint.replace(failpoint));
    }

    /// Returns the worker that the queue knows under this name, if it still runs.
    #[must_use]
    pub fn find_worker(&self, name: &str) -> Option<Service> {
        let slots = lock(&self.slots);
        slots
            .iter()
            .find(|slot| {
                matches!(slot.service, Service::Worker(_))
                    && slot.child.as_ref().is_some_and(|child| child.log().contains(name))
            })
            .map(|slot| slot.service)
    }

    /// Ends all disturbance: what was stopped goes on, what was held is started.
    pub fn calm(&self) {
        for slot in lock(&self.slots).iter_mut() {
            slot.is_held = false;
            slot.failpoint = None;
            if let Some(child) = &mut slot.child {
                child.signal(Signal::CONT);
            }
        }
    }

    /// Stops everything as an operator would: the workers, then the API. Returns what did not go as it should.
    pub async fn stop(&self) -> Vec<String> {
        if let Some(supervisor) = lock(&self.supervisor).take() {
            supervisor.abort();
        }
        let mut wrong = Vec::new();
        let mut children: Vec<Child> =
            lock(&self.slots).iter_mut().rev().filter_map(|slot| slot.child.take()).collect();
        for child in &mut children {
            match child.stop(PATIENCE).await {
                Ok(status) if status.success() => {}
                Ok(status) => wrong.push(format!("{} ended with {}", child.name(), child::describe(status))),
                Err(error) => wrong.push(format!("{error:#}")),
            }
        }
        wrong.extend(processes::strays().into_iter().map(|stray| format!("the process {stray} was left behind")));
        wrong
    }

    fn ended(&self, service: Service) -> Option<String> {
        self.with(service, |slot| slot.child.as_mut().and_then(Child::ended).map(child::describe))
    }

    fn log(&self, service: Service) -> String {
        self.with(service, |slot| slot.child.as_ref().map(Child::log)).unwrap_or_default()
    }

    fn with<T>(&self, service: Service, act: impl FnOnce(&mut Slot) -> Option<T>) -> Option<T> {
        lock(&self.slots).iter_mut().find(|slot| slot.service == service).and_then(act)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
