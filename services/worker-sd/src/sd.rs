//! The engine of the picture worker: children sd-engine, each of which keeps one model in memory.
//!
//! ```text
//!            load (another model)         generate
//!  nothing ──────▶ coming ──────▶ resident ─────────▶ pictures
//!     ▲              ▲              │ │ died: wait 1, 2, 4 s before the next start
//!     │              └──────────────┘ │
//!     │      cancelled and killed: ◀──┤
//!     │      coming again at once, in the background
//!     └──────────── left for another, when memory is tight
//! ```
//!
//! What a model takes is reserved in the ledger of the device (`queue::memory`) before it is loaded and before every run;
//! whoever the ledger asks to leave is ended as soon as it does not work ([`room`]).
//! What a run will need is estimated before it, and a run that would need too much saves memory ([`models::memory`]). When memory runs
//! out all the same, the run is repeated at once, one step higher on the ladder.
//! A load runs in a task of its own: a job that is cancelled meanwhile goes at once, and the next one finds the model.
//! Any future here may be dropped half-way. A child that was left in the middle of a generation is recognised by the next
//! call and replaced.

mod attempt;
mod coming;
mod frames;
mod held;
mod meter;
mod order;
mod peak;
mod preview;
mod residents;
mod room;
mod session;
mod source;

use std::{
    collections::HashMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use models::memory::{Circumstances, Ladder, Lessons, Plan, Room, TooLarge};
use process::{Backoff, Program};
use queue::{
    Queue,
    memory::{Device, Holding, Ledger},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;
use worker::{Budget, Engine, EngineDescription, EngineError, Order, Picture, Run, builds::Depth};

use self::{
    coming::{Coming, Setback},
    residents::{Resident, Residents, Source},
    session::{Session, Trouble},
};

/// Between a first crash and the next start; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Between a crash and the next start, at most.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// After so long without a crash, the next one counts as the first.
const QUIET: Duration = Duration::from_secs(300);

/// What the engine needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program sd-engine.
    pub program: PathBuf,
    /// CPU threads. More than there are idle cores makes it slower: the threads wait for each other in a spin.
    pub threads: u32,
    /// What to compute on: `cpu`, `cuda:1`, `vulkan:0`; empty for what the library finds first.
    pub device: String,
    /// How much memory all models may hold together, in MiB; 0 to find out.
    pub memory_mib: u64,
    /// For how long others respect what this worker holds when it says nothing.
    pub memory_lease: Duration,
    /// Where the models are.
    pub library: models::Library,
}

/// Drives sd-engine.
#[derive(Debug)]
pub struct SdEngine {
    settings: Settings,
    description: EngineDescription,
    budget: Budget,
    ladder: Ladder,
    lessons: Lessons,
    ledger: Ledger,
    residents: Residents,
    /// The child that makes pictures now, or did when a run was left half-way.
    working: Option<Resident>,
    coming: Option<Coming>,
    /// All memory, for a model that ran out of it and whose child did not live through that.
    cleared: Option<Holding>,
    /// How long models took to load.
    loads: HashMap<String, Duration>,
    backoff: Backoff,
    _measuring: AbortOnDropHandle<()>,
}

impl Settings {
    /// Returns the child to start.
    fn child(&self) -> Program {
        // A trace would be made by a debugger, which takes seconds; the reason of an abort comes in a line of its own.
        let program = Program::new(&self.program).env("GGML_NO_BACKTRACE", "1");
        let variables = process::device::variables(&self.device).into_iter();
        variables.fold(program, |program, (name, value)| program.env(name, value))
    }
}

/// Starts sd-engine, makes it compute something small if that is asked for, and ends it. Returns what it computes on.
pub async fn try_out(settings: &Settings, depth: Depth) -> Result<String, EngineError> {
    let mut session = Session::open(&settings.child()).await?;
    let device = session.describe().device;
    let tried = match depth {
        Depth::Start => Ok(()),
        Depth::Computation => session.try_out().await,
    };
    match tried {
        Ok(()) => session.end().await,
        Err(Trouble::Failed(message)) => return Err(EngineError::Engine { message }),
        Err(_) => {
            let message = session.last_words("tried out the device").await;
            return Err(EngineError::Crashed { message });
        }
    }
    Ok(device)
}

impl SdEngine {
    /// Returns an engine, once sd-engine has shown that it runs on this machine. `worker` is the name under which it shares
    /// the memory of its device.
    pub async fn start(settings: Settings, queue: &Queue, worker: &str) -> Result<Self, EngineError> {
        let session = Session::open(&settings.child()).await?;
        let description = session.describe();
        session.end().await;
        let name = worker::device_name(&settings.device, &description.device);
        // The driver counts all cards, and not only those that the child may see.
        let device_of_machine = name.split_once(':').map_or(name.clone(), |(_host, device)| device.to_owned());
        let budget = match settings.memory_mib {
            0 => Budget::find(&device_of_machine).await,
            mib => Budget::set(mib),
        };
        let device = Device { name, total_mib: budget.whole_mib, comfortable_mib: budget.comfortable_mib };
        let ledger = queue.open_ledger(&device, worker, settings.memory_lease);
        let ledger = ledger.map_err(|error| EngineError::Engine { message: error.to_string() })?;
        let backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT, QUIET);
        let (ladder, lessons) = (Ladder::of_device(&description.device), Lessons::default());
        let (residents, loads) = (Residents::default(), HashMap::new());
        let _measuring = worker::keep_measuring(&ledger, &device_of_machine);
        let (working, coming, cleared) = (None, None, None);
        Ok(Self {
            settings,
            description,
            budget,
            ladder,
            lessons,
            ledger,
            residents,
            working,
            coming,
            cleared,
            loads,
            backoff,
            _measuring,
        })
    }

    /// Returns the process of the child that was used last, for people and tests.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.working.as_ref().or(self.residents.latest()).and_then(|resident| resident.session.process_id())
    }

    /// Takes the children away that died while nobody needed them.
    async fn bury(&mut self) {
        for mut dead in self.residents.take_dead() {
            let message = dead.session.last_words("waited").await;
            self.note_crash(&message);
        }
    }

    /// Returns how to do an order with a model.
    fn plan(&mut self, key: &str, source: &Source, order: &Order, run: &Run) -> Result<Plan, EngineError> {
        self.lessons.recall(key, &self.description.device, &run.history);
        let Budget { comfortable_mib, whole_mib } = self.budget;
        let room = Room { comfortable_mib, total_mib: whole_mib };
        let around = Circumstances { room, ladder: self.ladder, parts: source.parts };
        let planned = self.lessons.plan(key, &order.spec, (order.width, order.height), around);
        planned.map_err(|large| refuse_large(key, large, room))
    }

    /// Brings the model into memory, and climbs the ladder for as long as there is too little.
    async fn prepare(&mut self, key: &str, order: &Order, run: &Run) -> Result<Plan, EngineError> {
        self.put_back();
        self.bury().await;
        self.residents.end_unusable().await;
        self.residents.rest_all_but(Some(key));
        if self.residents.find(key).is_some_and(|resident| !resident.wanted.suits(&order.spec)) {
            // A model and an upscaler of the same name.
            self.residents.end(key).await;
        }
        let source = match self.residents.find(key) {
            Some(resident) => resident.source.clone(),
            None => source::find(&self.settings.library, key, order).await?,
        };
        loop {
            let plan = self.plan(key, &source, order, run)?;
            match self.ensure(key, &plan, &source, run).await {
                Ok(()) => return Ok(plan),
                Err(Setback::Failed(error)) => return Err(error),
                Err(Setback::OutOfMemory(message)) => self.give_way(key, &plan, &message, run).await?,
            }
        }
    }

    /// Takes note that a child died, so that the next one is not started at once.
    fn note_crash(&mut self, message: &str) {
        let wait = self.backoff.fail(Instant::now());
        warn!("sd-engine died; it is not started again within {} s: {message}", wait.as_secs());
    }
}

impl Engine for SdEngine {
    fn describe(&self) -> EngineDescription {
        self.description.clone()
    }

    fn resident_models(&self) -> Vec<String> {
        let working = self.working.iter().filter(|resident| resident.session.is_usable());
        self.residents.keys().into_iter().chain(working.map(|resident| resident.key.clone())).collect()
    }

    fn held_mib(&self, model: &str) -> Option<u64> {
        self.residents.held_mib(model)
    }

    fn memory_mib(&self) -> Option<u64> {
        Some(self.budget.whole_mib)
    }

    async fn tend(&mut self) {
        self.rest().await;
    }

    async fn load(&mut self, order: &Order, run: &Run) -> Result<(), EngineError> {
        let Some(key) = order.spec.model() else {
            return Err(EngineError::Rejected { message: "no model was chosen".to_owned(), remedy: None });
        };
        self.prepare(key, order, run).await.map(drop)
    }

    async fn generate(&mut self, order: &Order, run: &Run) -> Result<Vec<Picture>, EngineError> {
        let key = order.spec.model().unwrap_or_default();
        loop {
            let plan = self.prepare(key, order, run).await?;
            let outcome = self.attempt(key, order, &plan, run).await;
            self.put_back();
            match outcome {
                Ok(pictures) => return Ok(pictures),
                Err(Setback::Failed(error)) => return Err(error),
                Err(Setback::OutOfMemory(message)) => self.give_way(key, &plan, &message, run).await?,
            }
        }
    }

    async fn unload(&mut self) {
        (self.coming, self.cleared) = (None, None);
        self.put_back();
        self.residents.end_all().await;
    }
}

/// Refuses what does not fit, with the numbers.
fn refuse_large(key: &str, large: TooLarge, room: Room) -> EngineError {
    EngineError::TooLarge {
        message: format!(
            "a picture of {} by {key} needs about {} MiB, whatever is done to save memory, and there are {} MiB",
            large.work.size(),
            large.needed_mib,
            room.total_mib
        ),
        remedy: "ask for a smaller picture, take a smaller or quantised model, or give the worker more memory \
                 (ATELIER_MEMORY_MIB)"
            .to_owned(),
    }
}
