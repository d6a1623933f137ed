//! What the log looks like.

use crate::service::Service;

#[test]
fn an_entry_of_the_json_log_has_its_time_level_place_and_fields_at_the_top() {
    let service = Service::start(&[("ATELIER_DRAIN_S", "0")], &[]);
    let entry = service.entry("metrics are served");
    assert_eq!((entry["level"].as_str(), entry["target"].as_str()), (Some("INFO"), Some("smallest_service")));
    assert!(entry["timestamp"].is_string() && entry["address"].is_string(), "{entry}");
}

#[test]
fn the_log_for_people_has_no_colours_where_no_terminal_is() {
    let service = Service::start(&[("ATELIER_LOG_FORMAT", "text")], &[]);
    let line = service.next_line().unwrap();
    assert!(line.contains(" INFO smallest_service: metrics are served address=127.0.0.1:"), "{line}");
}

#[test]
fn the_setting_decides_which_levels_are_logged() {
    for (log, is_there) in [("info", false), ("info,smallest_service=debug", true)] {
        let service = Service::start(&[("ATELIER_LOG_FORMAT", "text"), ("ATELIER_LOG", log)], &[]);
        let lines: Vec<_> = std::iter::from_fn(|| service.next_line().filter(|line| !line.contains("ready"))).collect();
        assert_eq!(lines.iter().any(|line| line.contains("settings read")), is_there, "{lines:?}");
    }
}
