//! What a worker is made of, besides its engine.

use std::time::Duration;

use assets::AssetStore;
use chassis::clock::Clock;
use contract::{spec::WorkerKind, worker::EngineBuild};
use queue::Queue;

use crate::name;

/// What a worker is made of, besides its engine.
#[derive(Clone)]
pub struct Parts {
    /// Where the jobs come from.
    pub queue: Queue,
    /// Where the files go.
    pub assets: AssetStore,
    /// What the time is.
    pub clock: Clock,
    /// How it behaves.
    pub settings: Settings,
}

/// How a worker behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its name, a fresh one at every start.
    pub name: String,
    /// Which jobs it takes.
    pub kind: WorkerKind,
    /// After this time without a sign of life its job goes to another worker.
    pub lease: Duration,
    /// A running job gets this long to finish once the worker was told to stop.
    pub drain: Duration,
    /// An engine gets this long to stop by itself; then it is given up.
    pub grace: Duration,
    /// An engine that reports nothing for this long hangs, and is given up.
    pub stall: Duration,
    /// A model in memory is preferred for at least this long while jobs of others wait.
    pub least_quantum: Duration,
    /// The port on the loopback for `/metrics` and `/livez`; 0 is none.
    pub metrics_port: u16,
    /// The builds of its engine that it chose from.
    pub engine_builds: Vec<EngineBuild>,
}

impl Settings {
    /// Returns the usual behaviour of a worker of this kind.
    #[must_use]
    pub fn new(kind: WorkerKind) -> Self {
        Self {
            name: name::fresh(kind),
            kind,
            lease: Duration::from_secs(15),
            drain: Duration::from_secs(20),
            grace: Duration::from_secs(10),
            stall: Duration::from_secs(600),
            least_quantum: Duration::from_secs(5),
            metrics_port: 0,
            engine_builds: Vec::new(),
        }
    }
}
