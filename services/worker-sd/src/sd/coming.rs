//! A child that is being started and loads a model, in the background.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use queue::memory::Holding;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use worker::{
    EngineError,
    exhaustion::{Kills, is_out_of_memory},
};

use super::{
    Settings,
    residents::Source,
    session::{Load, Session, Trouble},
};

/// A child that is being started and loads a model, in the background. Dropping this ends it.
#[derive(Debug)]
pub(super) struct Coming {
    /// Which model.
    pub(super) key: String,
    /// Its files, and how they are held.
    pub(super) wanted: Arc<Load>,
    /// Steps done, and steps in all.
    pub(super) progress: watch::Receiver<(u32, u32)>,
    pub(super) task: AbortOnDropHandle<Result<Arrived, Setback>>,
    /// What the ledger lets it hold. Behind the task, so that the child is killed before others hear that there is room.
    pub(super) holding: Holding,
    pub(super) source: Source,
}

/// Why a child did not load its model.
#[derive(Debug)]
pub(super) enum Setback {
    /// There was not enough memory, in these words.
    OutOfMemory(String),
    /// Something else.
    Failed(EngineError),
}

/// A child that has loaded its model.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) session: Session,
    /// How long that took.
    pub(super) load: Duration,
}

impl Coming {
    /// Begins, after a wait.
    pub(super) fn begin(
        settings: Settings,
        key: String,
        (source, wanted): (Source, Arc<Load>),
        holding: Holding,
        wait: Duration,
    ) -> Self {
        let (report, progress) = watch::channel((0, 0));
        let load = Load::clone(&wanted);
        let task = tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let begun = Instant::now();
            let kills = Kills::now();
            let mut session = Session::open(&settings.child()).await.map_err(Setback::Failed)?;
            let (message, is_dead) = match session.load(load, settings.threads, &report).await {
                Ok(()) => return Ok(Arrived { session, load: begun.elapsed() }),
                Err(Trouble::Failed(message)) => (message, false),
                Err(_) => (session.last_words("loaded the model").await, true),
            };
            if is_out_of_memory(&message, kills, Kills::now()) {
                return Err(Setback::OutOfMemory(message));
            }
            Err(Setback::Failed(if is_dead {
                EngineError::Crashed { message }
            } else {
                EngineError::Rejected {
                    message: format!("the model could not be loaded: {message}"),
                    remedy: Some("look whether the files of the model belong together and are whole".to_owned()),
                }
            }))
        });
        Self { key, wanted, progress, task: AbortOnDropHandle::new(task), holding, source }
    }

    /// Returns whether this is the load of a model, held in this way.
    pub(super) fn is_of(&self, key: &str, wanted: &Load) -> bool {
        self.key == key && *self.wanted == *wanted
    }
}
