//! What a worker counts and measures.

use std::sync::LazyLock;

use contract::spec::JobKind;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, core::Collector};
use tracing::error;

/// How an attempt ended, as metrics and logs name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It made what it was asked for.
    Succeeded,
    /// An earlier attempt had made it already.
    Adopted,
    /// It can never be done.
    Failed,
    /// It went wrong; another attempt may help.
    Retry,
    /// The engine died.
    Crashed,
    /// Somebody asked for its end.
    Cancelled,
    /// Another worker has the job.
    Lost,
    /// The worker stops; the job waits again.
    Released,
    /// It is too large for this worker and waits for one with more memory.
    PassedOn,
    /// The queue did not hear how it ended; the lease runs out.
    Unheard,
}

impl End {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Adopted => "adopted",
            Self::Failed => "failed",
            Self::Retry => "retry",
            Self::Crashed => "crashed",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Released => "released",
            Self::PassedOn => "passed_on",
            Self::Unheard => "unheard",
        }
    }
}

/// The metrics of this process.
static METRICS: LazyLock<Option<Metrics>> = LazyLock::new(|| match Metrics::register() {
    Ok(metrics) => Some(metrics),
    Err(error) => {
        error!("could not register the metrics, so there are none: {error}");
        None
    }
});

/// What a worker counts and measures.
struct Metrics {
    attempts: IntCounterVec,
    load_seconds: Histogram,
    run_seconds: HistogramVec,
    engine_restarts: IntCounter,
    busy: IntGauge,
}

impl Metrics {
    fn register() -> Result<Self, prometheus::Error> {
        let seconds = vec![0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0];
        Ok(Self {
            attempts: registered(IntCounterVec::new(
                Opts::new("atelier_worker_attempts_total", "Attempts to run a job, by how they ended."),
                &["kind", "outcome"],
            )?)?,
            load_seconds: registered(Histogram::with_opts(
                HistogramOpts::new("atelier_worker_load_seconds", "How long bringing a model into memory took.")
                    .buckets(seconds.clone()),
            )?)?,
            run_seconds: registered(HistogramVec::new(
                HistogramOpts::new("atelier_worker_run_seconds", "How long an attempt took, from lease to finish.")
                    .buckets(seconds),
                &["kind"],
            )?)?,
            engine_restarts: registered(IntCounter::new(
                "atelier_worker_engine_restarts_total",
                "How often the engine died or had to be given up.",
            )?)?,
            busy: registered(IntGauge::new("atelier_worker_busy", "1 while a job runs.")?)?,
        })
    }
}

fn registered<C: Collector + Clone + 'static>(collector: C) -> Result<C, prometheus::Error> {
    chassis::metrics::registry().register(Box::new(collector.clone()))?;
    Ok(collector)
}

/// Makes the metrics appear before the first job.
pub(crate) fn begin() {
    LazyLock::force(&METRICS);
}

/// Notes that a job was taken.
pub(crate) fn attempt_began() {
    if let Some(metrics) = &*METRICS {
        metrics.busy.set(1);
    }
}

/// Notes how an attempt ended.
pub(crate) fn attempt_ended(kind: JobKind, end: End, seconds: f64) {
    if let Some(metrics) = &*METRICS {
        metrics.busy.set(0);
        metrics.attempts.with_label_values(&[kind.as_str(), end.as_str()]).inc();
        metrics.run_seconds.with_label_values(&[kind.as_str()]).observe(seconds);
    }
}

/// Notes that a model was brought into memory.
pub(crate) fn model_loaded(seconds: f64) {
    if let Some(metrics) = &*METRICS {
        metrics.load_seconds.observe(seconds);
    }
}

/// Notes that the engine died or had to be given up.
pub(crate) fn engine_restarted() {
    if let Some(metrics) = &*METRICS {
        metrics.engine_restarts.inc();
    }
}
