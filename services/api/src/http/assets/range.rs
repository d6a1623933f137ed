//! Conditional and partial requests (RFC 9110): pure rules about headers.

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// Which part of a file is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it.
    Whole,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that it does not have.
    Unsatisfiable,
}

/// Returns whether the client has the file already.
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).any(|known| {
        // For this question a weak tag is as good as a strong one.
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag
    })
}

/// Returns which part of the file the client wants. What cannot be read, and more than one part, means all of it.
pub(super) fn wanted(headers: &HeaderMap, etag: &str, size_bytes: u64) -> Wanted {
    let if_range = headers.get(header::IF_RANGE).map(|value| value.to_str().unwrap_or_default().trim());
    // The client has a part of another file; a date cannot be compared, because files have none.
    if if_range.is_some_and(|known| known != etag) {
        return Wanted::Whole;
    }
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((unit, spec)) = range.and_then(|range| range.split_once('=')) else { return Wanted::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let Some((first, last)) = spec.trim().split_once('-') else { return Wanted::Whole };
    match (number(first), number(last)) {
        (Number::None, Number::Some(0)) => Wanted::Unsatisfiable,
        (Number::None, Number::Some(_)) if size_bytes == 0 => Wanted::Unsatisfiable,
        (Number::None, Number::Some(suffix)) => Wanted::Part(size_bytes.saturating_sub(suffix)..size_bytes),
        (Number::Some(first), Number::Some(last)) if last < first => Wanted::Whole,
        (Number::Some(first), Number::Some(_) | Number::None) if first >= size_bytes => Wanted::Unsatisfiable,
        (Number::Some(first), Number::Some(last)) => Wanted::Part(first..last.saturating_add(1).min(size_bytes)),
        (Number::Some(first), Number::None) => Wanted::Part(first..size_bytes),
        _ => Wanted::Whole,
    }
}

enum Number {
    None,
    Some(u64),
    Nonsense,
}

fn number(text: &str) -> Number {
    match text.trim() {
        "" => Number::None,
        digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            // More digits than fit are just a large number.
            Number::Some(digits.parse().unwrap_or(u64::MAX))
        }
        _ => Number::Nonsense,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const ETAG: &str = "\"abc\"";

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn ranges_are_read_as_rfc_9110_has_them() {
        let of = |range: &str| wanted(&headers(&[(header::RANGE, range)]), ETAG, 10);
        assert_eq!(of("bytes=0-3"), Wanted::Part(0..4));
        assert_eq!(of("bytes=4-"), Wanted::Part(4..10));
        assert_eq!(of("bytes=-3"), Wanted::Part(7..10));
        assert_eq!(of("bytes=-99"), Wanted::Part(0..10));
        assert_eq!(of("bytes=9-99"), Wanted::Part(9..10));
        assert_eq!(of("Bytes = 0-0"), Wanted::Part(0..1));
        assert_eq!(of("bytes=9-99999999999999999999999"), Wanted::Part(9..10));
        for beyond in ["bytes=10-", "bytes=10-11", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(of(beyond), Wanted::Unsatisfiable, "{beyond}");
        }
        for whole in
            ["bytes=0-1,4-5", "bytes=3-1", "bytes=a-b", "bytes=-", "bytes", "items=0-1", "", "bytes=--1", "bytes=+1-2"]
        {
            assert_eq!(of(whole), Wanted::Whole, "{whole}");
        }
    }

    #[test]
    fn a_part_is_sent_only_of_the_file_that_the_client_has() {
        let of =
            |if_range: &str| wanted(&headers(&[(header::RANGE, "bytes=0-3"), (header::IF_RANGE, if_range)]), ETAG, 10);
        assert_eq!(of(ETAG), Wanted::Part(0..4));
        for other in ["\"other\"", "W/\"abc\"", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert_eq!(of(other), Wanted::Whole, "{other}");
        }
    }

    #[test]
    fn a_client_that_has_the_file_is_told_so() {
        for known in [ETAG, "*", "\"x\", \"abc\"", "W/\"abc\""] {
            assert!(is_known(&headers(&[(header::IF_NONE_MATCH, known)]), ETAG), "{known}");
        }
        for other in ["\"x\"", "abc", "\"abc", ""] {
            assert!(!is_known(&headers(&[(header::IF_NONE_MATCH, other)]), ETAG), "{other}");
        }
    }
}
