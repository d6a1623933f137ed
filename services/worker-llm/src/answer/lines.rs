//! Cuts a stream of bytes into lines, within bounds.

use crate::trouble::Trouble;

/// No true line is longer.
const LONGEST_LINE_BYTES: usize = 8 << 20;

/// The part of a stream that was not read yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Where the first unread line begins.
    begin: usize,
    /// Up to where no end of a line was found.
    searched: usize,
}

impl Lines {
    /// Takes in a piece of the stream.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Trouble> {
        self.bytes.drain(..self.begin);
        self.searched = self.searched.saturating_sub(self.begin);
        self.begin = 0;
        if self.bytes.len() + piece.len() > LONGEST_LINE_BYTES {
            return Err(Trouble::engine(format!("the engine sends a line of more than {LONGEST_LINE_BYTES} bytes")));
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Returns the next whole line, without its end.
    pub(super) fn next(&mut self) -> Option<String> {
        let end = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n').map(|at| self.searched + at);
        let Some(end) = end else {
            self.searched = self.bytes.len();
            return None;
        };
        let line = String::from_utf8_lossy(&self.bytes[self.begin..end]).trim_end_matches('\r').to_owned();
        (self.begin, self.searched) = (end + 1, end + 1);
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_the_pieces_fall() {
        let text = "data: {\"a\":\"ä\"}\r\n\n: ping\ndata: [DONE]\nrest";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                lines.push(piece).unwrap();
                found.extend(std::iter::from_fn(|| lines.next()));
            }
            assert_eq!(found, ["data: {\"a\":\"ä\"}", "", ": ping", "data: [DONE]"], "in pieces of {size}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_given_up() {
        let mut lines = Lines::default();
        let piece = vec![b'x'; LONGEST_LINE_BYTES / 2];
        lines.push(&piece).unwrap();
        assert_eq!(lines.next(), None);
        assert!(lines.push(&piece).is_ok());
        assert!(matches!(lines.push(b"x"), Err(Trouble::Failed(_))));
    }
}
