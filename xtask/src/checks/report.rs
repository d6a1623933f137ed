//! What came out of the checks.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// What came out of one check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub passed: u32,
    pub failed: u32,
    pub skipped: u32,
}

impl Outcome {
    /// One check that passed.
    pub(crate) fn passed(_: ()) -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// One check that failed.
    pub(crate) fn failed(_: ()) -> Self {
        Self { failed: 1, ..Self::default() }
    }

    /// One check that could not run here.
    pub(crate) fn skipped() -> Self {
        Self { skipped: 1, ..Self::default() }
    }

    /// Reads the last line of a report.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let (passed, failed) = line.split_once(" passed, ")?;
        let (passed, failed) = (passed.parse().ok()?, failed.strip_suffix(" failed")?.parse().ok()?);
        Some(Self { passed, failed, skipped: u32::from(passed + failed == 0) })
    }
}

/// What came out of all checks.
pub(crate) struct Report {
    begun: Instant,
    lines: Vec<(&'static str, Outcome, Duration)>,
}

impl Report {
    pub(crate) fn begin() -> Self {
        Self { begun: Instant::now(), lines: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: &'static str, outcome: Outcome, took: Duration) {
        self.lines.push((name, outcome, took));
    }

    pub(crate) fn has_failures(&self) -> bool {
        self.lines.iter().any(|(_, outcome, _)| outcome.failed > 0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut total = Outcome::default();
        for (name, outcome, took) in &self.lines {
            let verdict = match outcome {
                Outcome { failed: 1.., .. } => "FAILED",
                Outcome { passed: 0, .. } => "skipped",
                _ => "ok",
            };
            let Outcome { passed, failed, skipped } = outcome;
            writeln!(
                f,
                "{name:<16} {verdict:<8} {passed:>5} passed {failed:>3} failed {skipped:>3} skipped {:>8.1} s",
                took.as_secs_f64()
            )?;
            total.passed += passed;
            total.failed += failed;
        }
        writeln!(f, "{} checks in {:.0} s", self.lines.len(), self.begun.elapsed().as_secs_f64())?;
        write!(f, "{} passed, {} failed", total.passed, total.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_sum() {
        let mut report = Report::begin();
        report.add("tests", Outcome { passed: 40, failed: 1, skipped: 2 }, Duration::from_secs(3));
        report.add("tidy", Outcome::passed(()), Duration::from_secs(1));
        report.add("queue-on-redis", Outcome::skipped(), Duration::ZERO);
        let text = report.to_string();
        assert!(text.ends_with("\n41 passed, 1 failed"), "{text}");
        assert!(text.lines().nth(2).unwrap().contains("skipped"), "{text}");
        assert!(report.has_failures());
        let read = text.lines().rev().find_map(Outcome::read).unwrap();
        assert_eq!((read.passed, read.failed, read.skipped), (41, 1, 0));
        assert_eq!(Outcome::read("0 passed, 0 failed"), Some(Outcome::skipped()));
    }
}
