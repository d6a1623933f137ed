//! Numbers and times as people read them.

use time::{Duration, OffsetDateTime, macros::format_description};

/// Returns a span as `0.35 s`, `12 s`, `3 min 05 s`, `2 h 10 min`.
pub(crate) fn span(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{:.2} s", seconds.max(0.0));
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Returns a moment as `2026-11-20 11:00:00`, in UTC.
pub(crate) fn moment(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC)
        .format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]"))
        .unwrap_or_else(|_| at.to_string())
}

/// Returns the time of day as `11:00:00.123`, in UTC.
pub(crate) fn time_of_day(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC)
        .format(format_description!("[hour]:[minute]:[second].[subsecond digits:3]"))
        .unwrap_or_else(|_| at.to_string())
}

/// Returns a size as `512 B`, `1.5 MB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["B", "kB", "MB", "GB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// Returns a difference as `+0.35 s`; clocks of two machines may even show a negative one.
pub(crate) fn difference(span_between: Duration) -> String {
    format!("{:+.3} s", span_between.as_seconds_f64())
}

/// Returns the beginning of a text, on one line.
pub(crate) fn excerpt(text: &str, most_characters: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most_characters {
        return line;
    }
    let kept: String = line.chars().take(most_characters.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_as_exact_as_they_are_short() {
        assert_eq!(span(0.346), "0.35 s");
        assert_eq!(span(12.4), "12 s");
        assert_eq!(span(185.0), "3 min 05 s");
        assert_eq!(span(7800.0), "2 h 10 min");
        assert_eq!(span(-1.0), "0.00 s");
    }

    #[test]
    fn sizes_have_the_unit_that_suits_them() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_500_000), "1.5 MB");
        assert_eq!(size(7_000_000_000_000), "7000.0 GB");
    }

    #[test]
    fn an_excerpt_is_one_line_and_never_splits_a_character() {
        assert_eq!(excerpt("a\n b", 10), "a b");
        assert_eq!(excerpt("äöüß", 3), "äö…");
    }
}
