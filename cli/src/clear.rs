//! `atelier clear`: deletes the records of jobs that have ended. The pictures stay.

use clap::{Args, builder::PossibleValuesParser};
use contract::{
    control::{ChangedJobs, ClearJobs, EndedState},
    job::JobState,
    spec::JobKind,
};
use time::{Duration, OffsetDateTime};

use crate::{
    client::{Client, Error},
    exit::Exit,
    output::Output,
};

#[derive(Args)]
pub(crate) struct Options {
    /// Only jobs that ended like this; may be given several times.
    #[arg(long, value_parser = PossibleValuesParser::new(EndedState::ALL.iter().map(|state| JobState::from(*state).as_str())))]
    state: Vec<String>,
    /// Only jobs of this kind; may be given several times.
    #[arg(long, value_parser = PossibleValuesParser::new(JobKind::ALL.iter().map(|kind| kind.as_str())))]
    kind: Vec<String>,
    /// Only jobs that ended this long ago or longer: 30m, 12h, 7d.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    older_than: Option<Duration>,
}

impl Options {
    fn body(&self, now: OffsetDateTime) -> ClearJobs {
        let is_meant = |state: &EndedState| {
            self.state.is_empty() || self.state.iter().any(|name| name == JobState::from(*state).as_str())
        };
        ClearJobs {
            state: EndedState::ALL.iter().copied().filter(is_meant).collect(),
            kind: self.kind.iter().filter_map(|name| name.parse().ok()).collect(),
            before: self.older_than.map(|span| now.saturating_sub(span)),
        }
    }
}

pub(crate) async fn clear(client: &Client, options: &Options, output: Output) -> Result<Exit, Error> {
    #[allow(clippy::disallowed_methods, reason = "a person says how old, by the clock of this machine")]
    let body = options.body(OffsetDateTime::now_utc());
    let mut changed = ChangedJobs { count: 0, has_more: true };
    // One request works for some seconds only.
    while changed.has_more {
        let more = client.clear_jobs(&body).await?;
        changed = ChangedJobs { count: changed.count + more.count, has_more: more.has_more && more.count > 0 };
    }
    output.result(&changed, |changed| match changed.count {
        0 => "there was nothing to clear".into(),
        1 => "cleared 1 job".into(),
        count => format!("cleared {count} jobs"),
    });
    Ok(Exit::Done)
}

/// Reads `30m`, `12h` or `7d`.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "a span looks like 30m, 12h or 7d".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let number: u32 = number.parse().map_err(|_| wrong())?;
    match unit {
        "m" => Ok(Duration::minutes(number.into())),
        "h" => Ok(Duration::hours(number.into())),
        "d" => Ok(Duration::days(number.into())),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn without_a_filter_everything_that_has_ended_is_meant() {
        let options = Options { state: vec![], kind: vec![], older_than: None };
        let body = options.body(datetime!(2026-01-08 00:00 UTC));
        assert_eq!((body.state.as_slice(), body.before), (EndedState::ALL, None));
    }

    #[test]
    fn an_age_becomes_a_time_and_a_state_stays_alone() {
        let options = Options { state: vec!["dead".into()], kind: vec![], older_than: Some(span("7d").unwrap()) };
        let body = options.body(datetime!(2026-01-08 00:00 UTC));
        assert_eq!(body.state, [EndedState::Dead]);
        assert_eq!(body.before, Some(datetime!(2026-01-01 00:00 UTC)));
        assert_eq!(span("90m"), Ok(Duration::minutes(90)));
        for wrong in ["", "d", "7", "7w", "-1d", "1.5h", "ä"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
