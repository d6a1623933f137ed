//! What the tagging counts.

use std::sync::LazyLock;

use prometheus::{IntCounterVec, Opts};
use tracing::error;

/// The counters of this process. Without them, which is a bug and logged, nothing is counted and all else works.
pub(super) struct Metrics(Option<IntCounterVec>);

/// What became of a picture that was taken to be tagged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Tagged,
    /// Somebody needed the machine, or something was away.
    Interrupted,
    /// It is tried again later.
    Failed,
    SetAside,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Tagged => "tagged",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::SetAside => "set_aside",
        }
    }
}

impl Metrics {
    /// Returns the counters of this process, registered once.
    pub(super) fn of_this_process() -> &'static Self {
        static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
            let counter = register();
            Metrics(counter.inspect_err(|error| error!("the tagging counts nothing: {error}")).ok())
        });
        &METRICS
    }

    pub(super) fn count(&self, outcome: Outcome) {
        if let Some(counter) = &self.0 {
            counter.with_label_values(&[outcome.as_str()]).inc();
        }
    }
}

fn register() -> prometheus::Result<IntCounterVec> {
    let opts = Opts::new("atelier_taggings_total", "Pictures that were taken to be tagged, by what became of it.");
    let counter = IntCounterVec::new(opts, &["outcome"])?;
    chassis::metrics::registry().register(Box::new(counter.clone()))?;
    Ok(counter)
}
