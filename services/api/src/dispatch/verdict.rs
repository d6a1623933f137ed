//! What becomes of a job when a publication of it ends.

use std::time::Duration;

use contract::job::{Failure, FailureCode};
use queue::{DoneEntry, Outcome};

use crate::db::{
    conclusion::{Standing, Verdict},
    duration_micros,
};

/// An engine that dies under a job so often dies because of the job.
const CRASHES_OF_POISON: u32 = 2;
/// No pause between attempts is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Judges what a worker, or the queue, said.
pub(super) fn judge(entry: &DoneEntry, standing: Standing, backoff: Duration, now: i64) -> Verdict {
    match entry.outcome {
        Outcome::Succeeded => match &entry.result {
            Some(result) => Verdict::Succeeded(result.clone()),
            None => Verdict::Failed(failure_of(entry, FailureCode::Storage, "the worker reported no result")),
        },
        Outcome::Failed => {
            Verdict::Failed(failure_of(entry, FailureCode::Rejected, "the worker rejected the job and did not say why"))
        }
        Outcome::Cancelled => Verdict::Cancelled,
        Outcome::Dead => {
            let message = format!("its worker disappeared, {} times of {}", standing.attempts, standing.max_attempts);
            Verdict::Dead(failure_of(entry, FailureCode::WorkerLost, &message))
        }
        Outcome::Retry => {
            let failure = failure_of(entry, FailureCode::Engine, "the engine failed and did not say why");
            another_attempt(failure, standing, standing.crashes, backoff, now)
        }
        Outcome::Crashed => {
            let failure = failure_of(entry, FailureCode::EngineCrashed, "the engine died");
            let crashes = standing.crashes.saturating_add(1);
            if crashes >= CRASHES_OF_POISON && !standing.cancel_requested {
                return Verdict::Dead(poison(failure, crashes));
            }
            another_attempt(failure, standing, crashes, backoff, now)
        }
    }
}

fn failure_of(entry: &DoneEntry, code: FailureCode, message: &str) -> Failure {
    entry.failure.clone().unwrap_or_else(|| Failure { code, message: message.to_owned(), remedy: None })
}

fn poison(last: Failure, crashes: u32) -> Failure {
    Failure {
        code: FailureCode::EngineCrashed,
        message: format!("the engine died {crashes} times under this job; the last time: {}", last.message),
        remedy: last.remedy.or_else(|| Some("try a smaller size or another model, then retry the job".to_owned())),
    }
}

fn another_attempt(failure: Failure, standing: Standing, crashes: u32, backoff: Duration, now: i64) -> Verdict {
    if standing.cancel_requested {
        return Verdict::Cancelled;
    }
    if standing.attempts >= standing.max_attempts {
        return Verdict::Dead(failure);
    }
    let pause = pause_after(standing.attempts, backoff, fastrand::f64());
    Verdict::Again { failure, crashes, run_at: now.saturating_add(duration_micros(pause)) }
}

/// Returns the pause after an attempt: doubled with each one, between half and one and a half of that,
/// so that jobs which failed together do not come back together. `chance` lies between 0 and 1.
fn pause_after(attempt: u32, backoff: Duration, chance: f64) -> Duration {
    let doubled = backoff.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1).min(20)));
    doubled.min(LONGEST_PAUSE).mul_f64(0.5 + chance)
}

#[cfg(test)]
mod tests {
    use contract::JobId;

    use super::*;

    const BACKOFF: Duration = Duration::from_secs(2);

    fn entry(outcome: Outcome) -> DoneEntry {
        DoneEntry {
            entry_id: "1-0".to_owned(),
            job_id: JobId::new(),
            generation: 1,
            outcome,
            attempts: 1,
            result: None,
            failure: None,
            worker: Some("one".to_owned()),
        }
    }

    fn standing(attempts: u32, crashes: u32) -> Standing {
        Standing { attempts, max_attempts: 3, crashes, cancel_requested: false }
    }

    #[test]
    fn the_pause_doubles_and_is_spread_and_has_an_end() {
        for (attempt, seconds) in [(1, 2.0), (2, 4.0), (3, 8.0)] {
            assert_eq!(pause_after(attempt, BACKOFF, 0.5).as_secs_f64(), seconds);
            assert_eq!(pause_after(attempt, BACKOFF, 0.0).as_secs_f64(), seconds / 2.0);
            assert_eq!(pause_after(attempt, BACKOFF, 1.0).as_secs_f64(), seconds * 1.5);
        }
        assert_eq!(pause_after(u32::MAX, BACKOFF, 0.5), LONGEST_PAUSE);
    }

    #[test]
    fn a_failed_attempt_is_repeated_until_there_are_none_left() {
        let again = judge(&entry(Outcome::Retry), standing(2, 0), BACKOFF, 1_000);
        assert!(matches!(again, Verdict::Again { crashes: 0, run_at, .. } if run_at > 1_000), "{again:?}");
        let last = judge(&entry(Outcome::Retry), standing(3, 0), BACKOFF, 1_000);
        assert!(matches!(last, Verdict::Dead(failure) if failure.code == FailureCode::Engine));
    }

    #[test]
    fn the_second_crash_is_the_last_even_with_attempts_left() {
        let first = judge(&entry(Outcome::Crashed), standing(1, 0), BACKOFF, 0);
        assert!(matches!(first, Verdict::Again { crashes: 1, .. }), "{first:?}");
        let second = judge(&entry(Outcome::Crashed), standing(2, 1), BACKOFF, 0);
        assert!(matches!(second, Verdict::Dead(failure) if failure.message.contains("2 times")));
    }

    #[test]
    fn a_job_whose_end_was_asked_for_is_not_tried_again() {
        let standing = Standing { cancel_requested: true, ..standing(1, 1) };
        for outcome in [Outcome::Retry, Outcome::Crashed] {
            assert_eq!(judge(&entry(outcome), standing, BACKOFF, 0), Verdict::Cancelled);
        }
    }

    #[test]
    fn what_the_worker_said_reaches_the_person() {
        let said = Failure { code: FailureCode::Rejected, message: "no such model".to_owned(), remedy: None };
        let entry = DoneEntry { failure: Some(said.clone()), ..entry(Outcome::Failed) };
        assert_eq!(judge(&entry, standing(1, 0), BACKOFF, 0), Verdict::Failed(said));
    }
}
