//! What the reception of text counts.

use std::{sync::LazyLock, time::Duration};

use contract::text::{
    TextEvent,
    reply::{TextAnswer, Usage},
};
use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts};
use tracing::error;

/// From ten milliseconds to the longest usual wait.
const BUCKETS_S: [f64; 11] = [0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 120.0, 300.0];

/// The counters of this process. Without them, which is a bug and logged, nothing is counted and all else works.
pub(super) struct Metrics(Option<Counters>);

struct Counters {
    open: IntGauge,
    waits: Histogram,
    ends: IntCounterVec,
    tokens: IntCounterVec,
}

impl Metrics {
    /// Returns the counters of this process, registered once.
    pub(super) fn of_this_process() -> &'static Self {
        static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
            let counters = register();
            Metrics(counters.inspect_err(|error| error!("the reception of text counts nothing: {error}")).ok())
        });
        &METRICS
    }

    pub(super) fn show_open(&self, requests: usize) {
        if let Some(counters) = &self.0 {
            counters.open.set(i64::try_from(requests).unwrap_or(i64::MAX));
        }
    }

    /// Counts how long a request waited for the first words of its worker.
    pub(super) fn count_wait(&self, waited: Duration) {
        if let Some(counters) = &self.0 {
            counters.waits.observe(waited.as_secs_f64());
        }
    }

    pub(super) fn count_end(&self, outcome: &str) {
        if let Some(counters) = &self.0 {
            counters.ends.with_label_values(&[outcome]).inc();
        }
    }

    /// Counts the last event of a request.
    pub(super) fn count_answer(&self, event: &TextEvent) {
        match event {
            TextEvent::End { answer } => {
                self.count_end("answered");
                if let TextAnswer::Generated { usage, .. } | TextAnswer::Embeddings { usage, .. } = answer {
                    self.count_tokens(usage);
                }
            }
            TextEvent::Failed { .. } => self.count_end("failed"),
            TextEvent::Waiting { .. } | TextEvent::Delta(_) => {}
        }
    }

    fn count_tokens(&self, usage: &Usage) {
        let Some(counters) = &self.0 else { return };
        let tokens =
            [("prompt", usage.prompt_tokens), ("cached", usage.cached_tokens), ("completion", usage.completion_tokens)];
        for (of, count) in tokens {
            counters.tokens.with_label_values(&[of]).inc_by(u64::from(count));
        }
    }
}

fn register() -> prometheus::Result<Counters> {
    let waits = HistogramOpts::new("atelier_text_wait_seconds", "How long requests waited for a text worker.");
    let ends = Opts::new("atelier_text_ended_total", "Requests for text that ended, by how.");
    let tokens = Opts::new(
        "atelier_text_tokens_total",
        "Tokens that were read (prompt), known already (cached: a part of these) and written (completion).",
    );
    let counters = Counters {
        open: IntGauge::new("atelier_text_open", "Requests for text that are open.")?,
        waits: Histogram::with_opts(waits.buckets(BUCKETS_S.to_vec()))?,
        ends: IntCounterVec::new(ends, &["outcome"])?,
        tokens: IntCounterVec::new(tokens, &["of"])?,
    };
    let registry = chassis::metrics::registry();
    registry.register(Box::new(counters.open.clone()))?;
    registry.register(Box::new(counters.waits.clone()))?;
    registry.register(Box::new(counters.ends.clone()))?;
    registry.register(Box::new(counters.tokens.clone()))?;
    Ok(counters)
}
