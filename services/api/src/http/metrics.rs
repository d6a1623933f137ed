//! What the front door counts, and the page that shows it to Prometheus.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::{
    extract::State,
    http::{Method, StatusCode, header},
    response::IntoResponse,
};
use contract::{
    system::QueueDepth,
    tag::{TaggingDepth, TaggingState},
};
use prometheus::{HistogramOpts, HistogramVec, IntGauge, IntGaugeVec, Opts, core::Collector};
use tracing::warn;

use super::{Api, system::load_tagging};

/// From a millisecond to a minute: lists take a few milliseconds, `Prefer: wait` takes as long as a picture.
const BUCKETS_S: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0];

struct Metrics {
    requests: HistogramVec,
    sockets: IntGauge,
    queued: IntGaugeVec,
    running: IntGaugeVec,
    oldest_queued_s: IntGaugeVec,
    is_paused: IntGaugeVec,
    untagged: IntGaugeVec,
}

static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    let by_kind = |name: &str, help: &str| IntGaugeVec::new(Opts::new(name, help), &["worker_kind"]);
    let requests = HistogramOpts::new("atelier_http_request_seconds", "Requests, and how long the answers took.");
    Metrics {
        requests: register(HistogramVec::new(requests.buckets(BUCKETS_S.to_vec()), &["route", "method", "status"])),
        sockets: register(IntGauge::new("atelier_sockets", "WebSocket connections that are open.")),
        queued: register(by_kind("atelier_jobs_queued", "Jobs that wait, in SQL and in Valkey.")),
        running: register(by_kind("atelier_jobs_running", "Jobs that workers have.")),
        oldest_queued_s: register(by_kind("atelier_jobs_oldest_queued_seconds", "Age of the oldest waiting job.")),
        is_paused: register(by_kind("atelier_queue_paused", "1 while these workers get nothing new.")),
        untagged: register(IntGaugeVec::new(
            Opts::new("atelier_pictures_untagged", "Pictures that wait to be tagged, and that were set aside."),
            &["state"],
        )),
    }
});

#[expect(clippy::expect_used, reason = "names and labels are constants, which the first test that runs has tried")]
fn register<M: Collector + Clone + 'static>(metric: prometheus::Result<M>) -> M {
    let metric = metric.expect("a metric with a valid name");
    if let Err(error) = chassis::metrics::registry().register(Box::new(metric.clone())) {
        warn!("a metric is missing: {error}");
    }
    metric
}

/// Counts a request. Routes, never paths: a label for each job would fill the memory of Prometheus.
pub(crate) fn count_request(route: &str, method: &Method, status: StatusCode, took: Duration) {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS];
    let method = if known.contains(method) { method.as_str() } else { "other" };
    METRICS.requests.with_label_values(&[route, method, status.as_str()]).observe(took.as_secs_f64());
}

/// Counts a WebSocket as open until the answer is dropped.
pub(crate) fn count_socket() -> impl Drop {
    struct Open;
    impl Drop for Open {
        fn drop(&mut self) {
            METRICS.sockets.dec();
        }
    }
    METRICS.sockets.inc();
    Open
}

/// Metrics of this process and of the queue, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses(
    (status = 200, description = "The text format of Prometheus.", content_type = "text/plain", body = String),
))]
pub(crate) async fn render_metrics(State(api): State<Arc<Api>>) -> impl IntoResponse {
    match api.db.queue_depths(api.clock.now()).await {
        Ok(depths) => depths.iter().for_each(show_depth),
        // The page must work especially when other things do not.
        Err(error) => warn!("metrics show old depths of the queue: {:#}", anyhow::Error::from(error)),
    }
    match load_tagging(&api).await {
        Ok(depth) => show_tagging(&depth),
        Err(error) => warn!("metrics show old numbers of pictures without tags: {:#}", anyhow::Error::from(error)),
    }
    ([(header::CONTENT_TYPE, chassis::metrics::MEDIA_TYPE)], chassis::metrics::render())
}

fn show_depth(depth: &QueueDepth) {
    let kind = [depth.worker_kind.as_str()];
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    METRICS.queued.with_label_values(&kind).set(number(depth.queued));
    METRICS.running.with_label_values(&kind).set(number(depth.running));
    METRICS.oldest_queued_s.with_label_values(&kind).set(number(depth.oldest_queued_s));
    METRICS.is_paused.with_label_values(&kind).set(i64::from(depth.is_paused));
}

fn show_tagging(depth: &TaggingDepth) {
    let states = [(TaggingState::Waiting, depth.waiting), (TaggingState::SetAside, depth.set_aside)];
    for (state, count) in states {
        METRICS.untagged.with_label_values(&[state.as_str()]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
