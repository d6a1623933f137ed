//! Why settings cannot be used. No error ever shows the value of a secret.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read.
    #[error("could not read the settings in {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no TOML. The line itself is not shown: a secret may stand in it.
    #[error("line {line} of {path} is no TOML: {problem}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What the parser says.
        problem: String,
    },
    /// There is no setting of this name.
    #[error("{}{}", no_setting(name, origin), did_you_mean(nearest.as_deref()))]
    Unknown {
        /// The name.
        name: String,
        /// Who sets it.
        origin: Origin,
        /// The setting that was meant, perhaps.
        nearest: Option<String>,
    },
    /// The setting has a value that it cannot have.
    #[error("the setting {key}, from {origin}, {problem}")]
    Invalid {
        /// Which setting.
        key: String,
        /// Who set it.
        origin: Origin,
        /// What is wrong with the value.
        problem: String,
    },
    /// A service cannot use a value that looked fine.
    #[error("the setting {key} {problem}")]
    Unusable {
        /// Which setting.
        key: &'static str,
        /// What is wrong with it, as the end of the sentence "the setting … ".
        problem: String,
    },
    /// A service wants a setting that does not exist.
    #[error("a service reads a setting that settings.toml does not have: {0}; this is a bug")]
    Undeclared(String),
}

impl Error {
    /// Returns the error of a value that only the service itself could judge: "the setting `key` `problem`".
    #[must_use]
    pub fn unusable(key: &'static str, problem: impl fmt::Display) -> Self {
        Self::Unusable { key, problem: problem.to_string() }
    }
}

fn no_setting(name: &str, origin: &Origin) -> String {
    match origin {
        Origin::Variable(_) => format!("the variable {name} is no setting"),
        origin => format!("{origin} sets {name}, which is no setting"),
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"))
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// From `settings.toml`.
    Default,
    /// From a file.
    File(PathBuf),
    /// From an environment variable.
    Variable(String),
}

impl Origin {
    pub(super) fn file(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the defaults"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}
