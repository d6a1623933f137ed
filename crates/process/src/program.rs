//! What to start, and what it may know of our environment.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use crate::{Child, Error};

/// The only variables that a program inherits: where things are, which device to use, how to speak.
/// Everything else stays here, above all tokens and keys.
pub(crate) const INHERITED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "XDG_CACHE_HOME",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "CUDA_CACHE_PATH",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "HSA_OVERRIDE_GFX_VERSION",
    "GGML_VK_VISIBLE_DEVICES",
    "SD_VK_DEVICE",
    "VK_ICD_FILENAMES",
    "VK_DRIVER_FILES",
];

/// A program to start.
#[derive(Debug, Clone)]
pub struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) variables: Vec<(OsString, OsString)>,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) log_lines: usize,
}

impl Program {
    /// Names a program.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), arguments: Vec::new(), variables: Vec::new(), folder: None, log_lines: 200 }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Sets a variable of its environment, beside the few that it inherits.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets the folder that it starts in.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Sets how many of the last lines of its standard error are kept.
    #[must_use]
    pub fn log_lines(mut self, count: usize) -> Self {
        self.log_lines = count;
        self
    }

    /// Starts it. Needs a Tokio runtime with I/O.
    pub fn start(&self) -> Result<Child, Error> {
        Child::start(self)
    }

    /// Returns the name for people: the last part of the path.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }
}
