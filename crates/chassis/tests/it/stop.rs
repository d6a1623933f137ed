//! How a service starts and stops, and with which exit code.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use crate::service::{Service, was_killed};

#[test]
fn the_first_signal_stops_a_service_softly() {
    for signal in ["TERM", "INT"] {
        let service = Service::start(&[("ATELIER_DRAIN_S", "0")], &[]);
        service.entry("ready");
        service.signal(signal);
        service.entry("stopped");
        assert!(service.wait().0.success());
    }
}

#[test]
fn the_second_signal_ends_a_service_that_does_not_stop() {
    let service = Service::start(&[("ATELIER_DRAIN_S", "600")], &[]);
    service.entry("ready");
    service.signal("TERM");
    service.entry("SIGTERM received: stopping");
    service.signal("INT");
    let (status, took) = service.wait();
    assert!(was_killed(status), "{status}");
    assert!(took < Duration::from_secs(10));
}

#[test]
fn bad_settings_end_a_service_with_64_and_one_line_that_names_them() {
    let service = Service::start(&[("ATELIER_METRICS_PORT", "-1")], &[]);
    let line = service.next_line().unwrap();
    assert!(line.starts_with("error: the setting metrics_port, from ATELIER_METRICS_PORT, must be"), "{line}");
    assert_eq!(service.wait().0.code(), Some(64));
    let service = Service::start(&[("ATELIER_LOG", "a=b=c")], &[]);
    assert!(service.next_line().unwrap().starts_with("error: the setting log is no filter"));
    assert_eq!(service.wait().0.code(), Some(64));
}

#[test]
fn another_failure_ends_a_service_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let service = Service::start(&[("ATELIER_METRICS_PORT", &port)], &[]);
    assert!(service.next_line().unwrap().starts_with("error: Address already in use"));
    assert_eq!(service.wait().0.code(), Some(1));
}

#[test]
fn a_service_answers_for_its_metrics_and_its_life() {
    let service = Service::start(&[("ATELIER_DRAIN_S", "0")], &[]);
    let address = service.entry("metrics are served")["address"].as_str().unwrap().to_owned();
    let metrics = ask(&address, b"GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    assert!(metrics.contains("\nprocess_resident_memory_bytes "), "{metrics}");
    assert!(ask(&address, b"GET /livez HTTP/1.1\r\n\r\n").ends_with("\r\n\r\nok\n"));
    assert!(ask(&address, b"GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(ask(&address, b"POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert!(ask(&address, b"\xff\x00\r\n\r\n").starts_with("HTTP/1.1 405 "));
    assert!(ask(&address, &[b'a'; 8 << 10]).starts_with("HTTP/1.1 405 "));
}

fn ask(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(crate::service::LIMIT)).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
