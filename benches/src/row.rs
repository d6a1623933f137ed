//! A row of the result: what was measured, against what, and whether it is good enough.

use serde::Serialize;

/// What a row must reach.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// `ours / peer` is at least this.
    RatioAtLeast(f64),
    /// `ours / peer` is at most this.
    RatioAtMost(f64),
    /// `peer / ours` is at least this: how many times less we need.
    TimesLess(f64),
    /// `ours` is at most this.
    AtMost(f64),
}

/// A row of the result.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) name: String,
    /// In which unit.
    pub(crate) unit: &'static str,
    /// Our figure.
    pub(crate) ours: f64,
    /// The figure of the other; none where the target is a plain limit.
    pub(crate) peer: Option<f64>,
    /// Who the other is.
    pub(crate) peer_name: Option<&'static str>,
    /// The relation that the target speaks of.
    pub(crate) ratio: Option<f64>,
    /// What was hoped for, in words.
    pub(crate) target: String,
    /// Whether it holds.
    pub(crate) holds: bool,
}

impl Row {
    /// Returns a row about a limit.
    pub(crate) fn limit(name: &str, unit: &'static str, ours: f64, target: Target) -> Self {
        Self::new(name, unit, ours, None, target)
    }

    /// Returns a row about a comparison.
    pub(crate) fn comparison(
        name: &str,
        unit: &'static str,
        ours: f64,
        (peer_name, peer): (&'static str, f64),
        target: Target,
    ) -> Self {
        Self::new(name, unit, ours, Some((peer_name, peer)), target)
    }

    fn new(name: &str, unit: &'static str, ours: f64, peer: Option<(&'static str, f64)>, target: Target) -> Self {
        let (peer_name, peer) = peer.unzip();
        let against = peer_name.unwrap_or_default();
        let of_peer = peer.map(|peer| ours / peer);
        let times_less = peer.map(|peer| peer / ours);
        let (ratio, holds, target) = match target {
            Target::RatioAtLeast(least) => {
                (of_peer, of_peer.is_some_and(|ratio| ratio >= least), format!("at least {least} × {against}"))
            }
            Target::RatioAtMost(most) => {
                (of_peer, of_peer.is_some_and(|ratio| ratio <= most), format!("at most {most} × {against}"))
            }
            Target::TimesLess(least) => {
                (times_less, times_less.is_some_and(|times| times >= least), format!("{least} × less than {against}"))
            }
            Target::AtMost(most) => (None, ours <= most, format!("at most {most} {unit}")),
        };
        Self { name: name.to_owned(), unit, ours, peer, peer_name, ratio, target, holds }
    }
}

/// Returns the rows as a table for people.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut lines =
        vec![format!("{:<34} {:>12} {:>12} {:>8}  {:<34} {}", "name", "ours", "peer", "ratio", "target", "holds")];
    for row in rows {
        lines.push(format!(
            "{:<34} {:>12} {:>12} {:>8}  {:<34} {}",
            row.name,
            format!("{} {}", short(row.ours), row.unit),
            row.peer.map_or_else(|| "–".to_owned(), short),
            row.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}")),
            row.target,
            if row.holds { "yes" } else { "no" },
        ));
    }
    lines.join("\n")
}

fn short(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_holds_only_when_its_relation_reaches_the_target() {
        let holds = |ours, peer, target| Row::comparison("row", "s", ours, ("peer", peer), target).holds;
        assert!(holds(200.0, 100.0, Target::RatioAtLeast(2.0)));
        assert!(!holds(199.0, 100.0, Target::RatioAtLeast(2.0)));
        assert!(holds(200.0, 100.0, Target::RatioAtMost(2.0)));
        assert!(!holds(201.0, 100.0, Target::RatioAtMost(2.0)));
        assert!(holds(0.5, 0.9, Target::TimesLess(1.7)));
        assert!(!holds(0.6, 0.9, Target::TimesLess(1.7)));
        assert!(Row::limit("row", "ms", 30.0, Target::AtMost(30.0)).holds);
        assert!(!Row::limit("row", "ms", f64::NAN, Target::AtMost(30.0)).holds);
    }
}
