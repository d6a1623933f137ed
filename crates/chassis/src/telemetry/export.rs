//! Sends spans to an OTLP collector, which may be slow, hang, or not be there at all.

use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::{KeyValue, global, trace::TracerProvider as _};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::{Subscriber, debug};
use tracing_subscriber::{EnvFilter, Layer, registry::LookupSpan};

use crate::{settings, tls};

/// What a batch of spans may take.
const EXPORT_LIMIT: Duration = Duration::from_secs(3);
/// What the last batch may take at the end of the process.
const FINISH_LIMIT: Duration = Duration::from_millis(1500);
/// What becomes a span. Never what the exporter's own HTTP client does: that would not end.
const SPANS: &str =
    "info,hyper=off,hyper_util=off,reqwest=off,h2=off,opentelemetry=off,opentelemetry_sdk=off,opentelemetry_otlp=off";

pub(super) fn start(service: &'static str, endpoint: &str) -> anyhow::Result<SdkTracerProvider> {
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        return Err(settings::Error::unusable("otlp_endpoint", "must begin with http:// or https://").into());
    }
    tls::install_tls();
    global::set_text_map_propagator(TraceContextPropagator::new());
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(EXPORT_LIMIT)
        .build()
        .context("preparing the export of traces")?;
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

pub(super) fn layer<S>(service: &'static str, provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_filter(EnvFilter::new(SPANS))
}

pub(super) fn finish(provider: &SdkTracerProvider) {
    if let Err(error) = provider.shutdown_with_timeout(FINISH_LIMIT) {
        debug!("the last traces were not sent: {error}");
    }
}
