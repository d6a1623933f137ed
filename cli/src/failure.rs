//! Why a command did not do what it was asked for, in words and as an exit code.

use std::{path::PathBuf, process::ExitCode};

use contract::{
    JobId,
    job::{Job, JobState},
    problem::Problem,
};

/// What stands at the end of `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the job failed, or something went wrong on this side
  2  the command line is wrong
  3  the server cannot be reached
  4  the server refused the request
  5  the job was cancelled
  130  interrupted; the job goes on";

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// An argument is wrong in a way that the parser cannot see.
    #[error("{0}")]
    Usage(String),
    /// Nobody answers.
    #[error("could not reach the server at {server}")]
    Unreachable { server: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// The server said no, and why.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// What answers does not speak as Atelier does.
    #[error("the answer of the server could not be understood: {0}")]
    Strange(String),
    /// The job ended without a result.
    #[error("{}", describe_end(.0))]
    Ended(Box<Job>),
    /// Ctrl-C.
    #[error("stopped watching; job {0} goes on. `atelier watch {0}` shows it again, `atelier cancel {0}` ends it")]
    Interrupted(JobId),
    /// A file could not be written.
    #[error("could not write {path}")]
    Io { path: PathBuf, source: std::io::Error },
    /// `doctor` found something that does not work.
    #[error("{0} of the checks failed; each line above says how to mend it")]
    Unhealthy(usize),
}

impl Failure {
    /// Prints the failure, its cause and what to do next.
    pub(crate) fn print(&self) {
        eprintln!("error: {self}");
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            eprintln!("  because: {cause}");
            source = cause.source();
        }
        match self {
            Self::Unreachable { .. } => {
                eprintln!("  Is it running? `atelier doctor` checks this machine; --server names another one.");
            }
            Self::Refused(problem) => {
                for error in &problem.errors {
                    eprintln!("  {}: {}", error.pointer.trim_start_matches('/'), error.detail);
                }
                for fix in &problem.fix {
                    let values: Vec<_> = fix.set.iter().map(|(field, value)| format!("{field} = {value}")).collect();
                    eprintln!("  would work: {}", values.join(", "));
                }
                if problem.status == 401 {
                    eprintln!("  Give a key with ATELIER_KEY; whoever runs the server makes one with `atelier keys create`.");
                }
                eprintln!("  (request {})", problem.request_id);
            }
            Self::Ended(job) => {
                if let Some(remedy) = job.failure.as_ref().and_then(|failure| failure.remedy.as_ref()) {
                    eprintln!("  {remedy}");
                }
                if job.state == JobState::Dead {
                    eprintln!("  `atelier retry {}` tries again.", job.id);
                }
            }
            _ => {}
        }
    }

    /// Returns the exit code, as in [`EXIT_CODES`].
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Unreachable { .. } => 3,
            Self::Refused(_) => 4,
            Self::Ended(job) if job.state == JobState::Cancelled => 5,
            Self::Interrupted(_) => 130,
            Self::Ended(_) | Self::Strange(_) | Self::Io { .. } | Self::Unhealthy(_) => 1,
        })
    }
}

fn describe_end(job: &Job) -> String {
    let reason = job.failure.as_ref().map_or_else(String::new, |failure| format!(": {}", failure.message));
    match job.state {
        JobState::Cancelled => format!("job {} was cancelled", job.id),
        JobState::Dead => format!("job {} was set aside after {} attempts{reason}", job.id, job.attempts),
        state => format!("job {} {}{reason}", job.id, state.as_str()),
    }
}
