//! Why a command did not work.

use std::{io, path::PathBuf};

use contract::problem::Problem;

use crate::words;

/// Why a command did not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Nobody answers there.
    #[error("{server} cannot be reached")]
    Unreachable {
        server: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server says no, and why.
    #[error("{}", words::problem(.0))]
    Refused(Box<Problem>),
    /// The answer is not one of ours.
    #[error("{server} answered {status} in a form that is not Atelier's: {beginning:?}")]
    Foreign { server: String, status: u16, beginning: String },
    /// A file could not be written.
    #[error("could not {action} {}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    /// This machine has no TLS, no sockets, …
    #[error("could not prepare for HTTP")]
    Setup(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Returns whether the server may only be starting or stopping: then it does not answer, or says 503.
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused(problem) => problem.status == 503,
            Self::Foreign { .. } | Self::File { .. } | Self::Setup(_) => false,
        }
    }

    /// Names an answer that is not ours by its first words.
    pub(super) fn foreign(server: &str, status: u16, text: &str) -> Self {
        Self::Foreign { server: server.into(), status, beginning: text.chars().take(80).collect() }
    }
}
