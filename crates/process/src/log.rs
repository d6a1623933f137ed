//! The last lines that a program wrote to its standard error: the reason, when it dies.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};

/// The longest line that is kept; a longer one counts as several.
const LINE_BYTES: u64 = 4096;

/// The last lines of a log. Clones show the same lines.
#[derive(Debug, Clone)]
pub struct LogRing {
    lines: Arc<Mutex<VecDeque<String>>>,
    capacity: usize,
}

impl LogRing {
    /// Makes a ring for so many lines.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self { lines: Arc::default(), capacity }
    }

    /// Adds a line; the oldest goes when the ring is full.
    pub fn push(&self, line: &str) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_back(line.to_owned());
        while lines.len() > self.capacity {
            lines.pop_front();
        }
    }

    /// Returns the last lines, at most `count`, the oldest first.
    #[must_use]
    pub fn last(&self, count: usize) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Takes in everything from a pipe until it ends.
    pub(crate) async fn fill(&self, pipe: impl AsyncRead + Unpin) {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut pipe).take(LINE_BYTES).read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            // A bar that moves is drawn over and over in one line: its last state is enough.
            let text = text.trim_end().rsplit('\r').next().unwrap_or_default();
            if !text.is_empty() {
                self.push(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_last_lines_are_kept_and_none_is_too_long() {
        let log = LogRing::new(3);
        let long = "x".repeat(5000);
        let text = format!("one\ntwo\n 10 %\r 99 %\n\n{long}\n");
        log.fill(text.as_bytes()).await;
        let lines = log.last(9);
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], " 99 %");
        assert_eq!((lines[1].len(), lines[2].len()), (4096, 904));
        assert_eq!(log.last(1), [lines[2].as_str()]);
        log.clear();
        assert!(log.last(9).is_empty());
    }
}
