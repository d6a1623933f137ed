//! Gets ready what an engine needs: fetches and decodes the pictures that a job names.

use contract::{job::QueuedJob, spec::JobSpec};

use crate::{engine::EngineError, order::Order};

/// Returns the order for an engine.
pub(crate) fn prepare(job: &QueuedJob) -> Result<Order, EngineError> {
    match &job.spec {
        JobSpec::TextToImage(spec) => Ok(Order::without_pictures(job.spec.clone(), spec.width, spec.height)),
        other => Err(EngineError::Rejected {
            message: format!("this worker does not know the kind {}", other.kind().as_str()),
            remedy: None,
        }),
    }
}
