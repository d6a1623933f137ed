//! The engine of the picture worker: a child sd-engine that keeps one model in memory.
//!
//! ```text
//!            load (another model)         generate
//!  nothing ──────▶ coming ──────▶ loaded ─────────▶ pictures
//!     ▲              ▲              │ │ died: wait 1, 2, 4 s before the next start
//!     │              └──────────────┘ │
//!     └───── cancelled and killed: ◀──┘
//!            coming again at once, in the background
//! ```
//!
//! A load runs in a task of its own: a job that is cancelled meanwhile goes at once, and the next one finds the model.
//! Any future here may be dropped half-way. A child that was left in the middle of a generation is recognised by the next
//! call and replaced.

mod device;
mod frames;
mod preview;
mod session;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use contract::{event::Phase, spec::JobSpec};
use process::{Backoff, Program};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};
use worker::{Engine, EngineDescription, EngineError, Order, Picture, Run};

use self::session::{Session, Trouble};

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
    /// Where the models are.
    pub library: models::Library,
}

/// Drives sd-engine.
#[derive(Debug)]
pub struct SdEngine {
    settings: Settings,
    description: EngineDescription,
    loaded: Option<Loaded>,
    coming: Option<Coming>,
    backoff: Backoff,
}

/// A child with a model in memory.
#[derive(Debug)]
struct Loaded {
    model: String,
    session: Session,
}

/// A child that is being started and loads a model, in the background.
#[derive(Debug)]
struct Coming {
    model: String,
    /// Steps done, and steps in all.
    progress: watch::Receiver<(u32, u32)>,
    task: AbortOnDropHandle<Result<Session, EngineError>>,
}

impl Settings {
    /// Returns the child to start.
    fn child(&self) -> Program {
        // A trace would be made by a debugger, which takes seconds; the reason of an abort comes in a line of its own.
        let program = Program::new(&self.program).env("GGML_NO_BACKTRACE", "1");
        device::variables(&self.device).into_iter().fold(program, |program, (name, value)| program.env(name, value))
    }
}

impl SdEngine {
    /// Returns an engine, once sd-engine has shown that it runs on this machine.
    pub async fn start(settings: Settings) -> Result<Self, EngineError> {
        let session = Session::open(&settings.child()).await?;
        let description = session.describe();
        session.end().await;
        let backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT, QUIET);
        Ok(Self { settings, description, loaded: None, coming: None, backoff })
    }

    /// Returns the process of the child that holds the model, for people and tests.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.loaded.as_ref().and_then(|loaded| loaded.session.process_id())
    }

    /// Returns whether a model is in memory and can be used.
    fn is_resident(&self, model: &str) -> bool {
        self.loaded.as_ref().is_some_and(|loaded| loaded.model == model && loaded.session.is_usable())
    }

    /// Ends the child that there is. Its memory is free when this returns.
    async fn end_loaded(&mut self) {
        if let Some(loaded) = self.loaded.take() {
            info!(model.id = loaded.model, "model {} leaves the memory", loaded.model);
            loaded.session.end().await;
        }
    }

    /// Takes the child away if it died while nobody needed it.
    async fn bury(&mut self) {
        if let Some(mut dead) = self.loaded.take_if(|loaded| loaded.session.is_gone()) {
            let message = dead.session.last_words("waited").await;
            self.note_crash(&message);
        }
    }

    /// Begins to load a model in the background, unless that is going on already.
    fn bring(&mut self, model: &str) -> &mut Coming {
        if let Some(other) = self.coming.take_if(|coming| coming.model != model) {
            info!(model.id = other.model, "the load of model {} is given up", other.model);
        }
        let (settings, wait) = (&self.settings, self.backoff.remaining(Instant::now()));
        self.coming.get_or_insert_with(|| Coming::begin(settings.clone(), model.to_owned(), wait))
    }

    /// Returns whether a load in the background is over. Whether well or not is not known yet.
    fn has_arrived(&self, model: &str) -> bool {
        self.coming.as_ref().is_some_and(|coming| coming.model == model && coming.task.is_finished())
    }

    /// Waits for a model that is being loaded, or begins with it.
    async fn await_model(&mut self, model: &str, run: &Run) -> Result<Session, EngineError> {
        let coming = self.bring(model);
        let outcome = loop {
            tokio::select! {
                biased;
                () = run.cancelled().cancelled() => return Err(EngineError::Cancelled),
                outcome = &mut coming.task => break outcome,
                Ok(()) = coming.progress.changed() => {
                    let (step, steps) = *coming.progress.borrow_and_update();
                    run.progress(Phase::Loading, step, steps);
                }
            }
        };
        self.coming = None;
        let outcome = outcome.unwrap_or_else(|error| Err(EngineError::Crashed { message: error.to_string() }));
        if let Err(EngineError::Crashed { message }) = &outcome {
            self.note_crash(message);
        }
        outcome
    }

    /// Takes note that a child died, so that the next one is not started at once.
    fn note_crash(&mut self, message: &str) {
        let wait = self.backoff.fail(Instant::now());
        warn!("sd-engine died; it is not started again within {} s: {message}", wait.as_secs());
    }
}

impl Coming {
    fn begin(settings: Settings, model: String, wait: Duration) -> Self {
        let (report, progress) = watch::channel((0, 0));
        let id = model.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let library = settings.library.clone();
            let files = tokio::task::spawn_blocking(move || library.resolve(&id)).await;
            let files = files.map_err(|error| EngineError::Engine { message: error.to_string() })?.map_err(refuse)?;
            let mut session = Session::open(&settings.child()).await?;
            match session.load(files, settings.threads, &report).await {
                Ok(()) => Ok(session),
                Err(Trouble::Failed(message)) => Err(EngineError::Rejected {
                    message: format!("the model could not be loaded: {message}"),
                    remedy: Some("look whether the files of the model belong together and are whole".to_owned()),
                }),
                Err(_) => Err(EngineError::Crashed { message: session.last_words("loaded the model").await }),
            }
        });
        Self { model, progress, task: AbortOnDropHandle::new(task) }
    }
}

impl Engine for SdEngine {
    fn describe(&self) -> EngineDescription {
        self.description.clone()
    }

    fn resident_models(&self) -> Vec<String> {
        let usable = self.loaded.iter().filter(|loaded| loaded.session.is_usable());
        usable.map(|loaded| loaded.model.clone()).collect()
    }

    async fn load(&mut self, order: &Order, run: &Run) -> Result<(), EngineError> {
        let Some(model) = order.spec.model() else {
            return Err(EngineError::Rejected { message: "no model was chosen".to_owned(), remedy: None });
        };
        if self.is_resident(model) {
            return Ok(());
        }
        run.progress(Phase::Loading, 0, 0);
        self.bury().await;
        self.end_loaded().await;
        let was_tried_before = self.has_arrived(model);
        let session = match self.await_model(model, run).await {
            // What went wrong in the background, before this job came, is not this job's failure.
            Err(error) if was_tried_before && !matches!(error, EngineError::Cancelled) => {
                warn!(model.id = model, "model {model} could not be brought back in the background: {error}");
                self.await_model(model, run).await?
            }
            outcome => outcome?,
        };
        info!(model.id = model, "model {model} is in memory");
        self.loaded = Some(Loaded { model: model.to_owned(), session });
        Ok(())
    }

    async fn generate(&mut self, order: &Order, run: &Run) -> Result<Vec<Picture>, EngineError> {
        let JobSpec::TextToImage(wanted) = &order.spec else {
            return Err(EngineError::Rejected {
                message: format!("this engine does not know the kind {}", order.spec.kind().as_str()),
                remedy: None,
            });
        };
        if [&wanted.painting.prompt, &wanted.painting.negative_prompt].iter().any(|text| text.contains('\0')) {
            return Err(EngineError::Rejected {
                message: "the prompt holds a zero byte".to_owned(),
                remedy: Some("take it out".to_owned()),
            });
        }
        let Some(loaded) = self.loaded.as_mut().filter(|loaded| loaded.session.is_usable()) else {
            return Err(EngineError::Engine { message: "no model is loaded".to_owned() });
        };
        let trouble = match loaded.session.generate(wanted, run).await {
            Ok(pictures) => return Ok(pictures),
            Err(trouble) => trouble,
        };
        match trouble {
            Trouble::Failed(message) => Err(EngineError::Engine { message }),
            Trouble::Stopped => Err(EngineError::Cancelled),
            Trouble::MustBeKilled => {
                let model = loaded.model.clone();
                self.end_loaded().await;
                self.bring(&model);
                Err(EngineError::Cancelled)
            }
            Trouble::Gone => {
                let message = loaded.session.last_words("made the picture").await;
                self.loaded = None;
                self.note_crash(&message);
                Err(EngineError::Crashed { message })
            }
        }
    }

    async fn unload(&mut self) {
        self.coming = None;
        self.end_loaded().await;
    }
}

/// Turns the library's refusal into the job's.
fn refuse(error: models::Error) -> EngineError {
    let message = error.to_string();
    let remedy = match error {
        models::Error::Unknown { nearest, .. } if !nearest.is_empty() => {
            format!("choose one that is there, for example {}", nearest.join(", "))
        }
        models::Error::Unknown { .. } => "choose one that is there".to_owned(),
        models::Error::Broken { remedy, .. } => remedy,
        // A folder that cannot be read now may be there again at the next attempt.
        other => return EngineError::Engine { message: format!("{:#}", anyhow::Error::from(other)) },
    };
    EngineError::Rejected { message, remedy: Some(remedy) }
}
