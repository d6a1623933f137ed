//! Why a file could not be stored or read.

/// Why a file could not be stored or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such file.
    #[error("there is no stored file {0}")]
    NotFound(String),
}
