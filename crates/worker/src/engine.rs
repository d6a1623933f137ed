//! The seam between the worker and what makes the pictures.
//!
//! An engine knows nothing of queues, leases and files: it gets an [`Order`] and a [`Run`], reports to the run, and returns pixels.
//! The worker calls one method at a time and owns the engine for as long as it lives.
//! Every future that an engine returns may be dropped half-way (an engine that does not hear a cancel, a stop that is due);
//! the next call must then find the engine usable: a child that is left in an unknown state is ended and started again.

use std::{
    future::Future,
    mem,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use contract::{
    JobId,
    cost::Cost,
    event::Phase,
    result::{Measure, MemoryStep},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::order::Order;

/// What makes pictures (and later text, films, downloads) of one kind of worker.
pub trait Engine: Send + 'static {
    /// Returns what the engine is, for people. Must not wait for the engine.
    fn describe(&self) -> EngineDescription;

    /// Returns the ids of the models that are in memory now.
    fn resident_models(&self) -> Vec<String>;

    /// Returns what a model in memory holds while it waits, in MiB, where the engine knows.
    fn held_mib(&self, _model: &str) -> Option<u64> {
        None
    }

    /// Returns how much memory its models may take, in MiB; none where that bounds no job.
    fn memory_mib(&self) -> Option<u64> {
        None
    }

    /// Loads what the job needs; returns at once if it is resident.
    fn load(&mut self, order: &Order, run: &Run) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Makes the pictures, one after the other.
    /// Must return [`EngineError::Cancelled`] soon after `run.cancelled()` fires.
    fn generate(&mut self, order: &Order, run: &Run) -> impl Future<Output = Result<Vec<Picture>, EngineError>> + Send;

    /// Waits for something that has to be done while no job runs, for example a model that must leave, and does it.
    /// Returns when what is in memory has changed; may be dropped at any time, when a job comes.
    fn tend(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Gives all memory back. Called when the worker ends, and after a panic.
    fn unload(&mut self) -> impl Future<Output = ()> + Send;
}

/// What an engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineDescription {
    /// Its name with its version. Stands in results and in the list of workers.
    pub name: String,
    /// The device that it uses: `cpu`, `cuda:0`, …
    pub device: String,
}

/// A finished picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// 8-bit RGB, rows from the top: `width * height * 3` bytes.
    pub rgb: Vec<u8>,
    /// The seed that leads to this picture.
    pub seed: u32,
}

/// Why an engine did not do what it was asked for. The worker decides by the variant, never by the text.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It can never do this; another attempt would not help.
    #[error("{message}")]
    Rejected {
        /// Why, for the person who asked.
        message: String,
        /// What to do about it.
        remedy: Option<String>,
    },
    /// It needs more memory than there is; a worker with more may be able to do it.
    #[error("{message}")]
    TooLarge {
        /// Why, for the person who asked.
        message: String,
        /// What to do about it, where no worker has more.
        remedy: String,
    },
    /// It did not work this time.
    #[error("{message}")]
    Engine {
        /// Why, for the person who asked.
        message: String,
    },
    /// The engine itself died. Counted, so that a job that kills engines is set aside.
    #[error("{message}")]
    Crashed {
        /// Its last words, for the person who asked.
        message: String,
    },
    /// It did not work, and would not the next time either.
    #[error("{message}")]
    Hopeless {
        /// Why, for the person who asked.
        message: String,
        /// What to do about it.
        remedy: String,
    },
    /// It stopped because the run was cancelled.
    #[error("the run was cancelled")]
    Cancelled,
}

/// What an engine may know of the attempt, and where it reports to. Reporting never waits.
#[derive(Debug)]
pub struct Run {
    /// The job.
    pub job_id: JobId,
    /// The how-manieth attempt, from 1.
    pub attempt: u32,
    /// What earlier jobs of the model cost, the newest first.
    pub history: Vec<Cost>,
    cancelled: CancellationToken,
    steps: mpsc::UnboundedSender<StepReport>,
    preview: watch::Sender<Option<PreviewReport>>,
    sign_of_life: watch::Sender<()>,
    waits: watch::Sender<Option<String>>,
    waited: Mutex<Waited>,
    remaining: watch::Receiver<Option<Duration>>,
    notes: Mutex<Notes>,
}

/// How long a run could not go on.
#[derive(Debug, Default)]
struct Waited {
    since: Option<Instant>,
    before: Duration,
}

/// What an engine says about the pictures, beside the pictures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// What it did differently so that the job could be done at all.
    pub measures: Vec<Measure>,
    /// What it held at most, where that was measured.
    pub peak_mib: Option<u64>,
    /// What it did to save memory, for whatever reason.
    pub steps: Vec<MemoryStep>,
}

impl Run {
    /// Returns a run, and the other end of what it reports.
    #[must_use]
    pub fn new(job_id: JobId, attempt: u32, cancelled: CancellationToken) -> (Self, Reports) {
        let (steps, steps_seen) = mpsc::unbounded_channel();
        let (preview, preview_seen) = watch::channel(None);
        let (sign_of_life, life_seen) = watch::channel(());
        let (waits, waits_seen) = watch::channel(None);
        let (estimates, remaining) = watch::channel(None);
        let reports = Reports {
            steps: steps_seen,
            preview: preview_seen,
            signs_of_life: life_seen,
            waits: waits_seen,
            estimates,
        };
        let history = Vec::new();
        let (notes, waited) = (Mutex::default(), Mutex::default());
        let run =
            Self { job_id, attempt, history, cancelled, steps, preview, sign_of_life, waits, waited, remaining, notes };
        (run, reports)
    }

    /// Reports how far the engine is. `steps` is 0 where nobody knows. Sampling steps are counted through: those of all
    /// pictures of the job, and of a second pass.
    /// [`Phase::Storing`] belongs to the worker.
    pub fn progress(&self, phase: Phase, step: u32, steps: u32) {
        // Nobody listens once the attempt is given up; the engine hears of that through `cancelled`.
        let _ = self.steps.send(StepReport { phase, step, steps });
        self.sign_of_life.send_replace(());
    }

    /// Shows what the picture looks like by now. Only the latest counts, so send as many as there are.
    pub fn preview(&self, step: u32, jpeg: Bytes) {
        self.preview.send_replace(Some(PreviewReport { step, jpeg }));
        self.sign_of_life.send_replace(());
    }

    /// Says why the job cannot go on, in a sentence with numbers. This is a sign of life: whoever waits does not hang.
    pub fn wait_for(&self, reason: String) {
        self.waited.lock().unwrap_or_else(PoisonError::into_inner).since.get_or_insert_with(Instant::now);
        self.waits.send_replace(Some(reason));
        self.sign_of_life.send_replace(());
    }

    /// Says that the job goes on, if it waited.
    pub fn go_on(&self) {
        let mut waited = self.waited.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = waited.since.take() {
            waited.before += since.elapsed();
            self.waits.send_replace(None);
        }
    }

    /// Returns how long the job could not go on by now.
    #[must_use]
    pub fn waited(&self) -> Duration {
        let waited = self.waited.lock().unwrap_or_else(PoisonError::into_inner);
        waited.before + waited.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Follows how long the job will still take, as the worker reckons from what the engine reports.
    #[must_use]
    pub fn remaining(&self) -> watch::Receiver<Option<Duration>> {
        self.remaining.clone()
    }

    /// Notes what was done differently so that the job can be done at all. The first reason for a step is the one that counts.
    pub fn note_measure(&self, measure: Measure) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.measures.iter().all(|known| known.step != measure.step) {
            notes.measures.push(measure);
        }
    }

    /// Notes what the engine held at most while it saved memory by these steps.
    pub fn note_memory(&self, peak_mib: Option<u64>, steps: Vec<MemoryStep>) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        (notes.peak_mib, notes.steps) = (peak_mib, steps);
    }

    /// Takes what was noted.
    #[must_use]
    pub fn take_notes(&self) -> Notes {
        mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the token that fires when the engine should stop.
    #[must_use]
    pub fn cancelled(&self) -> &CancellationToken {
        &self.cancelled
    }
}

/// The worker's end of a [`Run`].
#[derive(Debug)]
pub struct Reports {
    /// Every report of progress, in order.
    pub steps: mpsc::UnboundedReceiver<StepReport>,
    /// The latest preview.
    pub preview: watch::Receiver<Option<PreviewReport>>,
    /// Changes with every report of any kind.
    pub signs_of_life: watch::Receiver<()>,
    /// Why the job cannot go on at the moment.
    pub waits: watch::Receiver<Option<String>>,
    /// Takes how long the job will still take.
    pub estimates: watch::Sender<Option<Duration>>,
}

/// How far an engine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepReport {
    /// What it is doing.
    pub phase: Phase,
    /// Steps done.
    pub step: u32,
    /// Steps in all; 0 where nobody knows.
    pub steps: u32,
}

/// What a picture looks like by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewReport {
    /// After which step.
    pub step: u32,
    /// A small JPEG.
    pub jpeg: Bytes,
}
