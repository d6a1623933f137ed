//! What came out of the checks.

use std::{fmt, time::Duration};

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
}

/// What came out of all checks.
#[derive(Default)]
pub(crate) struct Report {
    lines: Vec<(&'static str, Outcome, Duration)>,
}

impl Report {
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
        let mut time = Duration::ZERO;
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
            time += *took;
        }
        writeln!(f, "{} checks in {:.0} s", self.lines.len(), time.as_secs_f64())?;
        write!(f, "{} passed, {} failed", total.passed, total.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_sum() {
        let mut report = Report::default();
        report.add("tests", Outcome { passed: 40, failed: 1, skipped: 2 }, Duration::from_secs(3));
        report.add("tidy", Outcome::passed(()), Duration::from_secs(1));
        report.add("queue-on-redis", Outcome::skipped(), Duration::ZERO);
        let text = report.to_string();
        assert!(text.ends_with("\n41 passed, 1 failed"), "{text}");
        assert!(text.lines().nth(2).unwrap().contains("skipped"), "{text}");
        assert!(report.has_failures());
    }
}
