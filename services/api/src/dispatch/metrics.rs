//! What the dispatch counts.

use std::sync::LazyLock;

use contract::event::JobChange;
use prometheus::{IntCounterVec, Opts};
use tracing::error;

/// The counters of this process. Without them, which is a bug and logged, nothing is counted and all else works.
pub(super) struct Metrics(Option<Counters>);

struct Counters {
    steps: IntCounterVec,
    ends: IntCounterVec,
}

/// A way of a job between SQL and Valkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Published,
    /// Taken back out of the window, for another order.
    Recalled,
    /// Lost by Valkey and put back in line.
    PutBack,
    /// Lost by Valkey after its worker had stored the result.
    Adopted,
    /// Ended in SQL and alive in an older image of Valkey.
    Purged,
    /// Moved up one priority after it had waited long.
    Promoted,
}

impl Step {
    fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Recalled => "recalled",
            Self::PutBack => "put_back",
            Self::Adopted => "adopted",
            Self::Purged => "purged",
            Self::Promoted => "promoted",
        }
    }
}

impl Metrics {
    /// Returns the counters of this process, registered once.
    pub(super) fn of_this_process() -> &'static Self {
        static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
            let counters = register();
            Metrics(counters.inspect_err(|error| error!("the dispatch counts nothing: {error}")).ok())
        });
        &METRICS
    }

    pub(super) fn count(&self, step: Step, jobs: usize) {
        if let Some(counters) = &self.0 {
            counters.steps.with_label_values(&[step.as_str()]).inc_by(jobs as u64);
        }
    }

    pub(super) fn count_end(&self, change: &JobChange) {
        let outcome = match change {
            JobChange::Succeeded { .. } => "succeeded",
            JobChange::Failed { .. } => "failed",
            JobChange::Cancelled => "cancelled",
            JobChange::Dead { .. } => "dead",
            JobChange::Retrying { .. } => "retrying",
            JobChange::Queued | JobChange::Running { .. } | JobChange::Progress(_) | JobChange::CancelRequested => {
                return;
            }
        };
        if let Some(counters) = &self.0 {
            counters.ends.with_label_values(&[outcome]).inc();
        }
    }
}

fn register() -> prometheus::Result<Counters> {
    let steps = Opts::new("atelier_dispatch_jobs_total", "Jobs that the dispatch moved between SQL and Valkey.");
    let ends = Opts::new("atelier_attempts_ended_total", "Publications of jobs that ended, by what became of the job.");
    let counters =
        Counters { steps: IntCounterVec::new(steps, &["step"])?, ends: IntCounterVec::new(ends, &["outcome"])? };
    chassis::metrics::registry().register(Box::new(counters.steps.clone()))?;
    chassis::metrics::registry().register(Box::new(counters.ends.clone()))?;
    Ok(counters)
}
