//! The one place that asks what time it is, so that tests can move it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;

/// Says what time it is. Clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Fixed(Arc<Mutex<OffsetDateTime>>),
}

impl Clock {
    /// Returns the clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// Returns a clock that stands still until [`Clock::advance`] moves it. For tests.
    #[must_use]
    pub fn fixed(at: OffsetDateTime) -> Self {
        Self(Source::Fixed(Arc::new(Mutex::new(at))))
    }

    /// Returns the time in UTC.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "this is the clock that everybody else must use")]
            Source::System => OffsetDateTime::now_utc(),
            Source::Fixed(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Moves a fixed clock and all its clones. The clock of the machine does not move.
    pub fn advance(&self, by: Duration) {
        if let Source::Fixed(at) = &self.0 {
            let mut at = at.lock().unwrap_or_else(PoisonError::into_inner);
            *at = at.saturating_add(by.try_into().unwrap_or(time::Duration::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_when_it_is_told_to_and_its_clones_with_it() {
        let clock = Clock::fixed(OffsetDateTime::UNIX_EPOCH);
        let clone = clock.clone();
        assert_eq!(clone.now(), OffsetDateTime::UNIX_EPOCH);
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clone.now(), OffsetDateTime::UNIX_EPOCH + time::Duration::milliseconds(1500));
    }

    #[test]
    fn the_system_clock_stands_in_this_century() {
        assert!((2024..2100).contains(&Clock::system().now().year()));
    }
}
