//! Where a page of a list ended.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

/// The place behind the last row of a page, newest first: its time and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub(super) at_us: i64,
    pub(super) id: Uuid,
}

impl Cursor {
    /// Before every row.
    pub(super) const NEWEST: Self = Self { at_us: i64::MAX, id: Uuid::max() };
    /// Behind every row.
    pub(super) const OLDEST: Self = Self { at_us: i64::MIN, id: Uuid::nil() };
}

/// A cursor that no list has given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor of ours: pass next_cursor of the page before, unchanged")]
pub struct UnreadableCursor;

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = [0_u8; 24];
        let (time, id) = bytes.split_at_mut(8);
        time.copy_from_slice(&self.at_us.to_be_bytes());
        id.copy_from_slice(self.id.as_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl std::str::FromStr for Cursor {
    type Err = UnreadableCursor;
    fn from_str(text: &str) -> Result<Self, UnreadableCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| UnreadableCursor)?;
        let (time, id) = bytes.split_first_chunk::<8>().ok_or(UnreadableCursor)?;
        let id = <[u8; 16]>::try_from(id).map_err(|_| UnreadableCursor)?;
        Ok(Self { at_us: i64::from_be_bytes(*time), id: Uuid::from_bytes(id) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_way_through_a_client() {
        let cursor = Cursor { at_us: 1_700_000_000_123_456, id: Uuid::now_v7() };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in ["", "x", "AAAA", "not a cursor", &"A".repeat(33), &"A".repeat(1000)] {
            assert_eq!(text.parse::<Cursor>(), Err(UnreadableCursor), "{text}");
        }
    }
}
