//! Why an engine did not answer as it was asked to.

use contract::job::{Failure, FailureCode};

/// Why an engine did not answer as it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It said why, or was not even asked.
    Failed(Failure),
    /// It broke off without a word: it died, or it is not there.
    Gone(String),
    /// It has said nothing for longer than it may.
    Silent,
}

impl Trouble {
    /// Returns the trouble with what can never be done.
    pub(crate) fn refused(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Failed(refusal(message, remedy))
    }

    /// Returns the trouble with an engine that answers in a way that nobody understands, or that said no this time.
    pub(crate) fn engine(message: impl Into<String>) -> Self {
        Self::Failed(Failure { code: FailureCode::Engine, message: message.into(), remedy: None })
    }
}

/// Returns the end of a job that can never be done.
pub(crate) fn refusal(message: impl Into<String>, remedy: impl Into<String>) -> Failure {
    Failure { code: FailureCode::Rejected, message: message.into(), remedy: Some(remedy.into()) }
}

/// Returns the end of a job that needs more memory than there is here.
pub(crate) fn too_large(message: impl Into<String>) -> Failure {
    let remedy = "give the model a shorter context in its preset, or take a smaller model";
    Failure { code: FailureCode::TooLarge, ..refusal(message, remedy) }
}

/// Returns the end of a job whose engine died.
pub(crate) fn crash(message: impl Into<String>, remedy: Option<&str>) -> Failure {
    Failure { code: FailureCode::EngineCrashed, message: message.into(), remedy: remedy.map(str::to_owned) }
}
