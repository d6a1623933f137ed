//! Carries a trace from one process to the next as one line of text, the `traceparent` of the W3C.

use opentelemetry::{
    global,
    propagation::{Extractor, Injector},
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const NAME: &str = "traceparent";

/// Returns the `traceparent` of the current span; none where no traces are collected.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    let mut line = Line(None);
    let context = Span::current().context();
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut line));
    line.0
}

/// Makes `span` a part of the trace that began elsewhere. Without one, or with one that cannot be read, it begins its own.
pub fn continue_trace(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent else { return };
    let line = Line(Some(traceparent.to_owned()));
    let context = global::get_text_map_propagator(|propagator| propagator.extract(&line));
    // An error says that no traces are collected, or that the span has begun to be one of another trace.
    let _ = span.set_parent(context);
}

/// A carrier of `traceparent` alone.
struct Line(Option<String>);

impl Injector for Line {
    fn set(&mut self, key: &str, value: String) {
        if key == NAME {
            self.0 = Some(value);
        }
    }
}

impl Extractor for Line {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.as_deref().filter(|_| key == NAME)
    }

    fn keys(&self) -> Vec<&str> {
        vec![NAME]
    }
}
