//! What the first bytes of a model file say, checked before any C++ sees them.

mod family;
mod foreign;
mod ggml_type;
mod gguf;
mod language;
mod names;
mod safetensors;
mod source;

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use contract::model::{Family, ModelFormat};

pub use self::language::{Eye, Language, PerLayer, Pooling, Split};

use self::source::Source;

/// No header is longer. The largest true ones have a few megabytes.
pub const LONGEST_HEADER_BYTES: u64 = 100_000_000;

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
    /// Whether it is a language model: fine as the text encoder of a picture model, but it paints nothing.
    pub is_language_model: bool,
    /// What the model is built like, by the names and widths of its tensors.
    pub family: Family,
    /// Whether it has tensors of a LoRA or its kin.
    pub is_lora: bool,
    /// What it says about itself if it is a language model in GGUF, a part of one, or the eye of one.
    pub language: Option<Box<Language>>,
}

/// Why a model file is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk failed, or the file belongs to somebody else.
    #[error("the file could not be read")]
    Read(#[source] io::Error),
    /// It is a folder, a pipe, …
    #[error("it is no file")]
    NotAFile,
    /// It is something else.
    #[error("the file is {found}")]
    Foreign {
        /// What it is.
        found: &'static str,
        /// What to do about that.
        remedy: &'static str,
    },
    /// It ends too early.
    #[error("the file is cut off: it has {size_bytes} bytes and its {format} header speaks of {expected_bytes}")]
    Truncated {
        /// What it begins like.
        format: &'static str,
        /// How many bytes it has.
        size_bytes: u64,
        /// How many it should have, at least.
        expected_bytes: u64,
    },
    /// It begins like a model and goes on like none.
    #[error("its {format} header is broken: {problem}")]
    Broken {
        /// What it begins like.
        format: &'static str,
        /// Where it ends to be one.
        problem: String,
    },
}

impl Error {
    /// Returns what a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Read(_) => "give the user that runs Atelier the right to read it",
            Self::NotAFile => "put a file in its place",
            Self::Foreign { remedy, .. } => remedy,
            Self::Truncated { .. } => "download it again: the last download was not finished",
            Self::Broken { .. } => "download it again, or convert it again",
        }
    }
}

/// Reads and checks the header of a model file.
pub fn check(path: &Path) -> Result<Header, Error> {
    // Opening a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(Error::Read)?.is_file() {
        return Err(Error::NotAFile);
    }
    let file = File::open(path).map_err(Error::Read)?;
    let size_bytes = file.metadata().map_err(Error::Read)?.len();
    read(BufReader::new(file), size_bytes)
}

/// Reads and checks a header: no more than [`LONGEST_HEADER_BYTES`] are read, and no more memory is used than a few times that.
pub fn read(file: impl Read, size_bytes: u64) -> Result<Header, Error> {
    let mut start = Vec::new();
    let mut file = file;
    file.by_ref().take(foreign::START_BYTES).read_to_end(&mut start).map_err(Error::Read)?;
    let has_magic = start.starts_with(gguf::MAGIC);
    let is_safetensors = safetensors::is_one(&start);
    let file = io::Cursor::new(&start).chain(file);
    if has_magic {
        gguf::read(Source::new(file, size_bytes, gguf::NAME))
    } else if is_safetensors {
        safetensors::read(Source::new(file, size_bytes, safetensors::NAME))
    } else {
        Err(foreign::recognise(&start))
    }
}
