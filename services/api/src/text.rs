//! Text that somebody waits for: one reception for the whole process.
//!
//! [`Texts::ask`] publishes a text job and returns an [`Answering`], which hands out what the worker says, in order and
//! without a gap, and ends with exactly one end or failure. Dropping it cancels the job. Nothing of this is in SQL: what is
//! under way when the server stops is lost, and whoever asked asks again.
//!
//! - The **ear** takes what workers say from the channel of this instance and hands it to whoever waits.
//! - The **rounds** look every second at what waits: whether Valkey still has it, how long it may wait, what to tell.

mod answering;
mod book;
mod ear;
mod metrics;
mod order;
mod rounds;
pub(crate) mod whole;
mod words;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use chassis::{clock::Clock, telemetry::current_traceparent};
use contract::{
    JobId,
    asset::AssetRef,
    job::Priority,
    spec::WorkerKind,
    text::{TextJob, TextRequest},
};
use queue::Queue;
use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

pub use self::answering::Answering;
use self::{book::Book, metrics::Metrics};
use crate::db::Db;

/// What the reception of text works with.
#[derive(Clone)]
pub struct Parts {
    /// Says what is paused.
    pub db: Db,
    /// The transport.
    pub queue: Queue,
    /// What time it is.
    pub clock: Clock,
    /// How it works.
    pub settings: Settings,
}

/// How the reception of text works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many requests may be open at once.
    pub open: usize,
    /// How long a request waits for a worker.
    pub wait: Duration,
    /// How long a worker may be silent before its request fails.
    pub lease: Duration,
}

/// What somebody asks for.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The id of the model.
    pub model: String,
    /// What is asked for.
    pub request: TextRequest,
    /// The pictures that the request names, each once.
    pub inputs: Vec<AssetRef>,
    /// How urgent it is.
    pub priority: Priority,
    /// Who asks.
    pub owner: String,
}

/// Why a request for text was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many are open.
    #[error("{0} requests for text are open, which is the limit of this server; try again when one of them has ended")]
    Full(usize),
    /// Valkey does not answer, or the request is too large for it.
    #[error(transparent)]
    Queue(#[from] queue::Error),
}

/// Takes requests for text in; cheap to clone.
#[derive(Clone)]
pub struct Texts {
    shared: Arc<Shared>,
}

/// What the parts of the reception share.
struct Shared {
    parts: Parts,
    /// A fresh name at every start, so that nobody answers for what an earlier start left behind.
    instance: String,
    book: Mutex<Book>,
    /// How many requests there were that somebody waits for.
    awaited: AtomicU64,
    /// Whether text workers get nothing new, as SQL said it last.
    is_paused: AtomicBool,
    /// Cancels on their way, which begin wherever an answer is dropped.
    tasks: TaskTracker,
    runtime: Handle,
    metrics: &'static Metrics,
}

impl Texts {
    /// Starts to listen. It ends soon after `stop` fires; no error ends it.
    pub async fn start(parts: Parts, stop: CancellationToken) -> Result<(Self, JoinHandle<()>), queue::Error> {
        // A name that no earlier start had.
        let instance = JobId::new().to_string();
        let replies = parts.queue.subscribe_replies(&instance).await?;
        let shared = Arc::new(Shared {
            parts,
            instance,
            book: Mutex::default(),
            awaited: AtomicU64::new(0),
            is_paused: AtomicBool::new(false),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
            metrics: Metrics::of_this_process(),
        });
        let (ear, rounds) = (ear::listen(shared.clone(), replies), rounds::walk(shared.clone()));
        let texts = Self { shared: shared.clone() };
        let task = tokio::spawn(async move {
            tokio::select! {
                () = ear => {}
                () = rounds => {}
                () = stop.cancelled() => {}
            }
            shared.tasks.close();
            shared.tasks.wait().await;
        });
        Ok((texts, task))
    }

    /// Asks for text. Whoever drops what this returns, or this future, cancels the request.
    pub async fn ask(&self, asking: Asking) -> Result<Answering, Error> {
        let shared = &self.shared;
        let Asking { model, request, inputs, priority, owner } = asking;
        let job = TextJob {
            id: JobId::new(),
            model,
            request,
            reply_to: shared.instance.clone(),
            inputs,
            submitted_at: shared.parts.clock.now(),
            traceparent: current_traceparent(),
        };
        let (id, kind) = (job.id, job.request.as_str());
        if priority < Priority::Batch {
            shared.awaited.fetch_add(1, Ordering::Relaxed);
        }
        let answering = Answering::open(shared, job, priority)?;
        if !shared.is_paused().await {
            shared.publish(id).await?;
        }
        debug!(job.id = %id, "{owner} asks for text ({kind}): {id}");
        Ok(answering)
    }

    /// Returns how many requests there were since the start that somebody waits for: all but those of the lowest priority.
    #[must_use]
    pub fn count_awaited(&self) -> u64 {
        self.shared.awaited.load(Ordering::Relaxed)
    }

    /// Returns whether such a request is open.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.shared.book().count_awaited() > 0
    }

    /// Returns how many requests are open.
    #[must_use]
    pub fn count_open(&self) -> usize {
        self.shared.book().len()
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether somebody paused the text workers; as it was when SQL does not answer.
    async fn is_paused(&self) -> bool {
        match self.parts.db.list_paused().await {
            Ok(paused) => self.is_paused.store(paused.contains(&WorkerKind::Llm), Ordering::Relaxed),
            Err(error) => debug!("cannot look whether text is paused: {:#}", anyhow::Error::from(error)),
        }
        self.is_paused.load(Ordering::Relaxed)
    }

    /// Publishes a request that is in the book.
    async fn publish(&self, id: JobId) -> Result<(), queue::Error> {
        let Some((job, priority)) = self.book().take_to_publish(id) else { return Ok(()) };
        let Settings { wait, lease, .. } = self.parts.settings;
        self.parts.queue.publish_text(&job, priority, wait, lease).await?;
        self.book().note_published(id);
        Ok(())
    }

    /// Tells the worker that nobody waits for this any more. Never waits.
    fn cancel(&self, id: JobId) {
        let queue = self.parts.queue.clone();
        let cancel = async move {
            if let Err(error) = queue.cancel(id).await {
                // Its worker goes on for nobody, and is told again with its next frame.
                warn!(job.id = %id, "could not cancel the request {id}: {:#}", anyhow::Error::from(error));
            }
        };
        self.tasks.spawn_on(cancel, &self.runtime);
    }
}
