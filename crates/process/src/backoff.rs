//! How long to wait before a program that died is started again.

use std::time::{Duration, Instant};

/// Waits that double with each failure, without chance: 1 s, 2 s, 4 s, … up to a longest.
/// A failure after a quiet time counts as the first again.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    quiet: Duration,
    failures: u32,
    failed_at: Option<Instant>,
}

impl Backoff {
    /// Makes a schedule from the first wait to the longest; after `quiet` without a failure it begins anew.
    #[must_use]
    pub fn new(first: Duration, longest: Duration, quiet: Duration) -> Self {
        Self { first, longest, quiet, failures: 0, failed_at: None }
    }

    /// Takes note of a failure and returns how long to wait.
    pub fn fail(&mut self, now: Instant) -> Duration {
        if self.failed_at.is_some_and(|before| now.saturating_duration_since(before) >= self.quiet) {
            self.failures = 0;
        }
        self.failed_at = Some(now);
        let wait = self.first.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(self.longest);
        self.failures = self.failures.saturating_add(1);
        wait
    }

    /// Returns how much of the last wait is still to come.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Duration {
        let Some(failed_at) = self.failed_at else { return Duration::ZERO };
        let last = self.failures.saturating_sub(1);
        let wait = self.first.saturating_mul(1_u32.checked_shl(last).unwrap_or(u32::MAX)).min(self.longest);
        (failed_at + wait).saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_the_longest_and_begins_anew_after_a_quiet_time() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(60));
        let begin = Instant::now();
        assert_eq!(backoff.remaining(begin), Duration::ZERO);
        let waits: Vec<_> = (0..40).map(|_| backoff.fail(begin).as_secs()).collect();
        assert_eq!(waits[..5], [1, 2, 4, 5, 5]);
        assert_eq!(waits[39], 5);
        assert_eq!(backoff.remaining(begin + Duration::from_secs(2)), Duration::from_secs(3));
        assert_eq!(backoff.fail(begin + Duration::from_secs(60)), Duration::from_secs(1));
        assert_eq!(backoff.remaining(begin + Duration::from_secs(60)), Duration::from_secs(1));
        assert_eq!(backoff.remaining(begin + Duration::from_secs(61)), Duration::ZERO);
    }
}
