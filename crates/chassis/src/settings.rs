//! The settings of every service.

mod secret;

use std::path::Path;

use serde::de::DeserializeOwned;

pub use secret::Secret;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {}

/// Returns the settings that `T` names, from the file and the environment of this process.
pub fn load<T: DeserializeOwned>() -> Result<T, Error> {
    todo!()
}

/// Returns the settings that `T` names, from this file and these variables.
pub fn load_from<T: DeserializeOwned>(
    _file: Option<&Path>,
    _environment: impl IntoIterator<Item = (String, String)>,
) -> Result<T, Error> {
    todo!()
}

/// Returns `docs/configuration.md`: every setting with its default and its meaning.
#[must_use]
pub fn markdown() -> String {
    todo!()
}
