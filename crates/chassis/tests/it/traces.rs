//! Traces: sent where a collector is, continued from process to process, and never a reason to hang.

use std::time::Duration;

use crate::{
    collector::Collector,
    service::{LIMIT, Service},
};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_span_is_sent_when_the_service_stops_and_belongs_to_the_trace_of_its_caller() {
    let collector = Collector::start();
    let variables = [("ATELIER_DRAIN_S", "0"), ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.as_str())];
    let service = Service::start(&variables, &[TRACEPARENT]);
    let handed_on = service.entry("ready")["traceparent"].as_str().unwrap().to_owned();
    assert!(handed_on.starts_with(&format!("00-{TRACE_ID}-")) && handed_on != TRACEPARENT, "{handed_on}");
    service.signal("TERM");
    assert!(service.wait().0.success());
    let (first, body) = collector.requests.recv_timeout(LIMIT).unwrap();
    assert_eq!(first, "POST /v1/traces HTTP/1.1");
    let trace_id = u128::from_str_radix(TRACE_ID, 16).unwrap().to_be_bytes();
    for part in [&trace_id[..], b"request", b"smallest"] {
        assert!(body.windows(part.len()).any(|window| window == part), "{part:?} is missing");
    }
}

#[test]
fn a_traceparent_that_cannot_be_read_begins_a_new_trace() {
    let collector = Collector::start();
    let service = Service::start(&[("ATELIER_OTLP_ENDPOINT", &collector.endpoint)], &["00-nonsense"]);
    let traceparent = service.entry("ready")["traceparent"].as_str().unwrap().to_owned();
    assert!(traceparent.starts_with("00-") && traceparent.len() == TRACEPARENT.len(), "{traceparent}");
}

#[test]
fn without_a_collector_there_is_no_traceparent() {
    let service = Service::start(&[], &[TRACEPARENT]);
    assert!(service.entry("ready")["traceparent"].is_null());
}

#[test]
fn a_collector_that_hangs_delays_the_stop_by_two_seconds_at_most() {
    let collector = Collector::start_hanging();
    let service = Service::start(&[("ATELIER_DRAIN_S", "0"), ("ATELIER_OTLP_ENDPOINT", &collector.endpoint)], &[]);
    service.entry("ready");
    service.signal("TERM");
    service.entry("stopped");
    let (status, took) = service.wait();
    assert!(status.success(), "{status}");
    // The last spans were on their way, and nobody waited for the answer.
    assert!(collector.requests.recv_timeout(LIMIT).is_ok());
    assert!(took < Duration::from_millis(2500), "{took:?}");
}

#[test]
fn an_endpoint_that_is_no_url_is_a_bad_setting() {
    let service = Service::start(&[("ATELIER_OTLP_ENDPOINT", "localhost:4318")], &[]);
    assert!(service.next_line().unwrap().contains("otlp_endpoint must begin with http://"));
    assert_eq!(service.wait().0.code(), Some(64));
}
