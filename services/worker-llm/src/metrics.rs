//! What a text worker counts and measures.

use std::sync::LazyLock;

use contract::text::{TextAnswer, reply::Timings};
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, core::Collector};
use tracing::error;

/// The metrics of this process.
static METRICS: LazyLock<Option<Metrics>> = LazyLock::new(|| match Metrics::register() {
    Ok(metrics) => Some(metrics),
    Err(error) => {
        error!("could not register the metrics, so there are none: {error}");
        None
    }
});

struct Metrics {
    jobs: IntCounterVec,
    job_seconds: HistogramVec,
    first_token_seconds: Histogram,
    tokens: IntCounterVec,
    tokens_per_second: Histogram,
    slots_busy: IntGauge,
    load_seconds: Histogram,
    evictions: IntCounter,
    restarts: IntCounter,
}

impl Metrics {
    fn register() -> Result<Self, prometheus::Error> {
        let seconds = vec![0.005, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0];
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            registered(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?)
        };
        let counter = |name: &str, help: &str| registered(IntCounter::new(name, help)?);
        Ok(Self {
            jobs: registered(IntCounterVec::new(
                Opts::new("atelier_text_jobs_total", "Text jobs, by how they ended."),
                &["kind", "outcome"],
            )?)?,
            job_seconds: registered(HistogramVec::new(
                HistogramOpts::new("atelier_text_job_seconds", "How long a text job took, from lease to end.")
                    .buckets(seconds.clone()),
                &["kind"],
            )?)?,
            first_token_seconds: histogram(
                "atelier_text_first_token_seconds",
                "From the lease of a text job to the first piece of its answer.",
                &seconds,
            )?,
            tokens: registered(IntCounterVec::new(
                Opts::new("atelier_text_tokens_total", "Tokens that were read (in), known before (cached) and written (out)."),
                &["direction"],
            )?)?,
            tokens_per_second: histogram(
                "atelier_text_tokens_per_second",
                "How fast the answers of single jobs were written.",
                &[1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0],
            )?,
            slots_busy: registered(IntGauge::new("atelier_text_slots_busy", "Text jobs that run or wait for their model.")?)?,
            load_seconds: histogram(
                "atelier_text_load_seconds",
                "How long bringing a text model into memory took.",
                &seconds,
            )?,
            evictions: counter("atelier_text_evictions_total", "Text models that left their memory to others.")?,
            restarts: counter("atelier_text_engine_restarts_total", "How often an engine died or had to be given up.")?,
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
pub(crate) fn job_began() {
    if let Some(metrics) = &*METRICS {
        metrics.slots_busy.inc();
    }
}

/// Notes how a job ended.
pub(crate) fn job_ended(kind: &str, outcome: &str, seconds: f64) {
    if let Some(metrics) = &*METRICS {
        metrics.slots_busy.dec();
        metrics.jobs.with_label_values(&[kind, outcome]).inc();
        metrics.job_seconds.with_label_values(&[kind]).observe(seconds);
    }
}

/// Notes that the first piece of an answer is there.
pub(crate) fn first_token(seconds: f64) {
    if let Some(metrics) = &*METRICS {
        metrics.first_token_seconds.observe(seconds);
    }
}

/// Notes what a whole answer amounts to.
pub(crate) fn answered(answer: &TextAnswer) {
    let Some(metrics) = &*METRICS else { return };
    let (usage, timings) = match answer {
        TextAnswer::Generated { usage, timings } => (*usage, *timings),
        TextAnswer::Embeddings { usage, .. } => (*usage, Timings::default()),
        TextAnswer::Tokens { .. } | TextAnswer::Text { .. } => return,
    };
    let count = |direction: &str, tokens: u32| metrics.tokens.with_label_values(&[direction]).inc_by(u64::from(tokens));
    count("in", usage.prompt_tokens);
    count("cached", usage.cached_tokens);
    count("out", usage.completion_tokens);
    if timings.generation_ms > 0.0 {
        metrics.tokens_per_second.observe(f64::from(usage.completion_tokens) * 1000.0 / timings.generation_ms);
    }
}

/// Notes that a model was brought into memory.
pub(crate) fn model_loaded(seconds: f64) {
    if let Some(metrics) = &*METRICS {
        metrics.load_seconds.observe(seconds);
    }
}

/// Notes that a model left its memory to others.
pub(crate) fn model_evicted() {
    if let Some(metrics) = &*METRICS {
        metrics.evictions.inc();
    }
}

/// Notes that an engine died or had to be given up.
pub(crate) fn engine_restarted() {
    if let Some(metrics) = &*METRICS {
        metrics.restarts.inc();
    }
}
