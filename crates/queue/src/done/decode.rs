//! Reads entries of the done stream.

use contract::job::{Failure, FailureCode};
use redis::streams::StreamId;

use super::{DoneEntry, Outcome};

/// An entry that cannot be read.
pub(super) struct Unreadable {
    /// What is wrong with it.
    pub(super) reason: String,
    /// What stands in for it, if at least the job is known: otherwise that job would wait for ever.
    pub(super) substitute: Option<Box<DoneEntry>>,
}

/// Reads an entry.
pub(super) fn decode(entry: &StreamId) -> Result<DoneEntry, Unreadable> {
    let text = |field: &str| entry.get::<String>(field).unwrap_or_default();
    let nameless = |reason: &str| Unreadable { reason: reason.to_owned(), substitute: None };
    let mut done = DoneEntry {
        entry_id: entry.id.clone(),
        job_id: text("id").parse().map_err(|_| nameless("its job has no id"))?,
        generation: text("generation").parse().map_err(|_| nameless("its job has no generation"))?,
        outcome: Outcome::Failed,
        attempts: text("attempts").parse().unwrap_or_default(),
        result: None,
        failure: None,
        worker: Some(text("worker")).filter(|worker| !worker.is_empty()),
    };
    match fill_in(&mut done, &text("outcome"), &text("payload")) {
        Ok(()) => Ok(done),
        Err(reason) => {
            done.outcome = Outcome::Failed;
            done.result = None;
            done.failure = Some(Failure {
                code: FailureCode::Engine,
                message: "The worker ended this job in words that this server cannot read.".to_owned(),
                remedy: Some("Run the same version of worker and server, then retry the job.".to_owned()),
            });
            Err(Unreadable { reason, substitute: Some(Box::new(done)) })
        }
    }
}

fn fill_in(done: &mut DoneEntry, outcome: &str, payload: &str) -> Result<(), String> {
    done.outcome = *Outcome::ALL
        .iter()
        .find(|known| known.as_str() == outcome)
        .ok_or_else(|| format!("there is no outcome {outcome:?}"))?;
    match done.outcome {
        Outcome::Succeeded => {
            done.result = Some(serde_json::from_str(payload).map_err(|error| format!("its result: {error}"))?);
        }
        Outcome::Failed | Outcome::Retry | Outcome::Crashed => {
            done.failure = Some(serde_json::from_str(payload).map_err(|error| format!("its failure: {error}"))?);
        }
        Outcome::Dead => done.failure = Some(worker_lost()),
        Outcome::Cancelled => {}
    }
    Ok(())
}

/// Nobody is left to say why, so the queue does.
fn worker_lost() -> Failure {
    Failure {
        code: FailureCode::WorkerLost,
        message: "The worker that ran this job disappeared, and no attempts are left.".to_owned(),
        remedy: Some("Look for the reason in the log of the worker, then retry the job.".to_owned()),
    }
}
