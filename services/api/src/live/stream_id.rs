//! Places in the event stream, which can be compared.

use std::{fmt, str::FromStr};

/// The id of an event: milliseconds, and a number within the millisecond.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamId {
    ms: u64,
    sequence: u64,
}

/// What is no id of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no id of an event: pass the last one that you have seen, unchanged")]
pub(crate) struct UnreadableId;

impl FromStr for StreamId {
    type Err = UnreadableId;
    fn from_str(text: &str) -> Result<Self, UnreadableId> {
        let number = |digits: &str| {
            let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
            is_number.then(|| digits.parse().ok()).flatten().ok_or(UnreadableId)
        };
        let (ms, sequence) = text.split_once('-').ok_or(UnreadableId)?;
        Ok(Self { ms: number(ms)?, sequence: number(sequence)? })
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_as_numbers_and_nonsense_is_refused() {
        let read = |text: &str| text.parse::<StreamId>();
        assert!(read("9-10").unwrap() < read("10-2").unwrap());
        assert!(read("10-2").unwrap() < read("10-10").unwrap());
        assert_eq!(read("1700000000000-3").unwrap().to_string(), "1700000000000-3");
        for text in ["", "-", "1", "1-", "+1-0", "1-0-0", "$", "18446744073709551616-0", "1 -0"] {
            assert_eq!(read(text), Err(UnreadableId), "{text}");
        }
    }
}
