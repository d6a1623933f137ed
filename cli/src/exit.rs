//! How the program ends, for scripts. The list stands in `--help` and in docs/cli.md.

use std::process::ExitCode;

use contract::job::JobState;

use crate::client::Error;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// The job failed or is dead; doctor found something that does not work.
    Failed,
    /// The server cannot be reached.
    Unreachable,
    /// The server refused.
    Refused,
    /// The job was cancelled.
    Cancelled,
    /// Something on this machine failed.
    Local,
    /// Interrupted while watching.
    Interrupted,
}

impl Exit {
    /// Returns how to end after an error.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Unreachable { .. } => Self::Unreachable,
            Error::Refused(_) | Error::Foreign { .. } => Self::Refused,
            Error::File { .. } | Error::Setup(_) => Self::Local,
        }
    }

    /// Returns how to end after a job.
    pub(crate) fn of_job(state: JobState) -> Self {
        match state {
            JobState::Failed | JobState::Dead => Self::Failed,
            JobState::Cancelled => Self::Cancelled,
            JobState::Queued | JobState::Running | JobState::Succeeded => Self::Done,
        }
    }
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Unreachable => 3,
            Exit::Refused => 4,
            Exit::Cancelled => 5,
            Exit::Local => 6,
            Exit::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(u8::from(exit))
    }
}
