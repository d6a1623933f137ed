//! Puts the frames of an answer into their order, and notices when one is missing.

use std::{collections::BTreeMap, time::Duration};

use contract::text::{TextEvent, TextFrame};
use tokio::time::Instant;

/// How long to wait for a frame that others have overtaken.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// The frames of one answer.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The number of the frame that comes next.
    expected: u64,
    /// Frames that came too early.
    early: BTreeMap<u64, Vec<TextEvent>>,
    /// Since when the next one is missing.
    missing_since: Option<Instant>,
    /// Whether a piece of the answer was among them.
    has_begun: bool,
}

impl Order {
    /// Takes a frame, and returns the events that are in order by now. One that was there already changes nothing.
    pub(super) fn take(&mut self, frame: TextFrame, now: Instant) -> Vec<TextEvent> {
        if frame.number == 0 && self.expected > 0 && !self.has_begun {
            // A worker gave the job back before it had begun, and another begins from the first frame.
            self.expected = 0;
            self.early.clear();
        }
        if frame.number >= self.expected {
            self.early.entry(frame.number).or_insert(frame.events);
        }
        let mut ready = Vec::new();
        while let Some(events) = self.early.remove(&self.expected) {
            self.expected += 1;
            ready.extend(events);
        }
        self.has_begun |= ready.iter().any(|event| !matches!(event, TextEvent::Waiting { .. }));
        let is_missing = !self.early.is_empty();
        self.missing_since = match self.missing_since {
            // What came just now may have been the missing one, with the next one missing behind it.
            Some(since) if is_missing && ready.is_empty() => Some(since),
            _ => is_missing.then_some(now),
        };
        ready
    }

    /// Returns when to give the missing frame up; none while none is missing.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.missing_since.map(|since| since + PATIENCE)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use contract::{JobId, text::reply::Delta};

    use super::*;

    fn frame(number: u64) -> TextFrame {
        let event = TextEvent::Delta(Delta { text: number.to_string(), ..Delta::default() });
        TextFrame { id: JobId::new(), number, events: vec![event] }
    }

    fn waiting(number: u64) -> TextFrame {
        TextFrame { events: vec![TextEvent::Waiting { reason: "it loads".to_owned() }], ..frame(number) }
    }

    /// Returns the words in these frames, as they come out.
    fn read(order: &mut Order, frames: impl IntoIterator<Item = TextFrame>) -> String {
        let events = frames.into_iter().flat_map(|frame| order.take(frame, Instant::now()));
        let word = |event| match event {
            TextEvent::Delta(delta) => delta.text,
            TextEvent::Waiting { .. } => "w".to_owned(),
            _ => "?".to_owned(),
        };
        events.map(word).collect()
    }

    #[test]
    fn frames_come_out_once_and_in_order_however_they_come_in() {
        let mut order = Order::default();
        assert_eq!(read(&mut order, [2, 0, 0, 1, 1, 4, 2, 3].map(frame)), "01234");
        assert_eq!(order.deadline(), None);
    }

    #[test]
    fn a_missing_frame_is_waited_for_from_the_moment_it_is_missed() {
        let (mut order, begin) = (Order::default(), Instant::now());
        assert_eq!(order.take(frame(1), begin), []);
        assert_eq!(order.take(frame(2), begin + PATIENCE / 2), []);
        assert_eq!(order.deadline(), Some(begin + PATIENCE));
        let later = begin + PATIENCE / 2;
        order.take(frame(4), later);
        order.take(frame(0), later);
        assert_eq!(order.deadline(), Some(later + PATIENCE), "of the next one that is missing");
    }

    #[test]
    fn a_second_worker_may_begin_again_only_before_anything_was_said() {
        let mut order = Order::default();
        assert_eq!(read(&mut order, [waiting(0), waiting(1), waiting(0), frame(1), frame(0), frame(2)]), "www12");
    }
}
