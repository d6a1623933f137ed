//! What this server says of requests for text when no worker speaks for them.

use std::time::Duration;

use contract::{
    job::{Failure, FailureCode},
    worker::{Worker, WorkerState},
};

fn failure(code: FailureCode, message: impl Into<String>, remedy: &str) -> Failure {
    Failure { code, message: message.into(), remedy: Some(remedy.to_owned()) }
}

/// Frames are missing.
pub(super) fn lost() -> Failure {
    failure(FailureCode::WorkerLost, "A part of the answer was lost on the way.", "Ask again.")
}

/// The lease of its worker has run out.
pub(super) fn worker_lost() -> Failure {
    let remedy = "Ask again; the log of the worker says why it went.";
    failure(FailureCode::WorkerLost, "The text worker disappeared before the answer was whole.", remedy)
}

/// Its worker ended it, and nobody here had asked for that.
pub(super) fn given_up() -> Failure {
    failure(FailureCode::WorkerLost, "The text worker gave the request up before the answer was whole.", "Ask again.")
}

/// No worker took it.
pub(super) fn waited_in_vain(wait: Duration) -> Failure {
    let remedy = "Start a text worker, or more of them; a longer wait is the setting text_wait_s.";
    let message = format!("No text worker took the request within {} s.", wait.as_secs());
    failure(FailureCode::WorkerLost, message, remedy)
}

/// A worker and this server do not understand each other.
pub(super) fn unreadable() -> Failure {
    let remedy = "Run the same version of server and worker, then ask again.";
    failure(FailureCode::Engine, "The text worker and this server do not understand each other.", remedy)
}

/// Returns why a request waits that no worker has taken.
pub(super) fn waits(model: &str, before: usize, workers: &[Worker]) -> String {
    let before = match before {
        0 => "it is the next".to_owned(),
        1 => "1 request is before it".to_owned(),
        more => format!("{more} requests are before it"),
    };
    let broken = workers.iter().filter(|worker| worker.state == WorkerState::Broken);
    let running = workers.len();
    let problem = broken.clone().find_map(|worker| worker.last_problem.as_deref());
    match (running, running == broken.count()) {
        (0, _) => format!("No text worker is running; start one. The request for {model} waits, and {before}."),
        (_, true) => {
            let problem = problem.unwrap_or("it cannot run its engine");
            format!("No text worker can work. One of {running} says: {problem}")
        }
        (1, _) => format!("The request for {model} waits for the text worker, and {before}."),
        _ => format!("The request for {model} waits for one of {running} text workers, and {before}."),
    }
}

/// Somebody paused text.
pub(super) const PAUSED: &str = "Text is paused; the request waits until somebody resumes it.";

/// Valkey does not answer.
pub(super) const QUEUE_AWAY: &str = "The queue does not answer at the moment; the request waits for it.";
