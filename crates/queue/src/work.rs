//! What stands in the lanes: jobs that are on record in SQL, and text that somebody waits for.

use contract::{JobId, job::QueuedJob, spec::WorkerKind, text::TextJob};
use serde::de::DeserializeOwned;

/// What a lease can carry.
pub trait Work: DeserializeOwned + Send + Sync + 'static {
    /// Returns which job it is.
    fn id(&self) -> JobId;

    /// Returns which workers take it.
    fn worker_kind(&self) -> WorkerKind;
}

impl Work for QueuedJob {
    fn id(&self) -> JobId {
        self.id
    }

    fn worker_kind(&self) -> WorkerKind {
        self.spec.kind().worker_kind()
    }
}

impl Work for TextJob {
    fn id(&self) -> JobId {
        self.id
    }

    fn worker_kind(&self) -> WorkerKind {
        WorkerKind::Llm
    }
}
