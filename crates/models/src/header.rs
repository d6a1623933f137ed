//! What the first bytes of a model file say, checked before any C++ sees them.

use std::path::Path;

use contract::model::ModelFormat;

/// What the header of a model file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What the file is, by its content.
    pub format: ModelFormat,
    /// Size of the file.
    pub size_bytes: u64,
    /// How many tensors are in it.
    pub tensors: u64,
    /// `general.architecture` of a GGUF.
    pub architecture: Option<String>,
}

/// Why a model file is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {}

/// Reads and checks the header of a model file.
pub fn check(_path: &Path) -> Result<Header, Error> {
    todo!()
}
