//! The settings of every service: one flat list, from `settings.toml`, then a file, then the environment.
//!
//! Every service sees every setting and takes those that its own struct names, so one `atelier.toml` and one set of
//! variables serve them all, and a misspelt name is refused by whichever service starts first.

mod catalogue;
mod derived;
mod error;
mod layers;
mod markdown;
mod secret;

use std::{
    env,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;

pub use error::Error;
pub use markdown::markdown;
pub use secret::Secret;

use self::layers::Layers;

/// Names the file in place of [`DEFAULT_FILE`].
const FILE_VARIABLE: &str = "ATELIER_CONFIG";
/// Read if it is there.
const DEFAULT_FILE: &str = "atelier.toml";

/// Returns the settings that `T` names, from the defaults, `atelier.toml` and the environment of this process.
pub fn load<T: DeserializeOwned>() -> Result<T, Error> {
    let chosen = env::var_os(FILE_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let file = chosen.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()));
    // A variable that is no Unicode is somebody else's, or is refused as a value that makes no sense.
    let environment =
        env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
    load_from(file.as_deref(), environment)
}

/// Returns the settings that `T` names, from the defaults, this file and these variables.
pub fn load_from<T: DeserializeOwned>(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<T, Error> {
    let mut layers = Layers::defaults();
    if let Some(path) = file {
        layers.read_file(path)?;
    }
    layers.read_environment(environment)?;
    derived::fill_in(&mut layers)?;
    layers.extract()
}
