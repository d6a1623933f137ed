//! The models in a folder.

mod files;
mod memory;
mod nearest;
mod scan;
mod sidecar;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use contract::{
    engine::ModelFiles,
    model::{Model, ModelFormat},
};

use self::{files::Problem, memory::Memory, scan::Found};

/// No id in a job may be longer.
const LONGEST_ID_CHARACTERS: usize = 200;

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such model.
    #[error("there is no model {id}")]
    Unknown {
        /// What was asked for.
        id: String,
        /// Ids that look like it, the nearest first.
        nearest: Vec<String>,
    },
    /// The model is there, but cannot be used.
    #[error("the model {id} cannot be used: {problem}")]
    Broken {
        /// What was asked for.
        id: String,
        /// Why.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// The folder cannot be read.
    #[error("could not read the models in {path}; give the user that runs Atelier the right to read it")]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The models in a folder; cheap to clone, and clones share what they remember. Its calls read from the disk: in async code they
/// belong into `spawn_blocking`.
#[derive(Debug, Clone)]
pub struct Library {
    models_dir: Arc<PathBuf>,
    memory: Arc<Memory>,
}

impl Library {
    /// Returns the library of a folder, which need not be there yet.
    #[must_use]
    pub fn open(models_dir: &Path) -> Self {
        // A path that cannot be made absolute is empty, and an empty folder name is no folder.
        let models_dir = std::path::absolute(models_dir).unwrap_or_else(|_| models_dir.to_owned());
        Self { models_dir: Arc::new(models_dir), memory: Arc::default() }
    }

    /// Returns every model, by id. Those that cannot be used say why, and what to do about it.
    pub fn list(&self) -> Result<Vec<Model>, Error> {
        let found = self.scan()?;
        self.memory.begin();
        let models = found.iter().map(|(id, found)| self.describe(id, found)).collect();
        self.memory.forget_the_rest();
        Ok(models)
    }

    /// Returns the checked files of a model, as absolute paths.
    pub fn resolve(&self, id: &str) -> Result<ModelFiles, Error> {
        let models = self.scan()?;
        let Some(found) = models.get(id) else {
            return Err(Error::Unknown { id: id.to_owned(), nearest: nearest::to(id, models.keys()) });
        };
        check_id(id).and_then(|()| self.files(found)).map(|checked| checked.files).map_err(|problem| Error::Broken {
            id: id.to_owned(),
            problem: problem.text,
            remedy: problem.remedy,
        })
    }

    fn scan(&self) -> Result<scan::Models, Error> {
        let folder = self.models_dir.join(scan::FOLDER);
        scan::scan(&folder).map_err(|source| Error::Folder { path: folder, source })
    }

    fn files(&self, found: &Found) -> Result<files::Checked, Problem> {
        match found {
            Found::File(path) => files::single(path, &self.memory),
            Found::Sidecar(path) => files::several(path, &self.models_dir, &self.memory),
        }
    }

    fn describe(&self, id: &str, found: &Found) -> Model {
        let checked = check_id(id).and_then(|()| self.files(found));
        match checked {
            Ok(checked) => {
                Model { id: id.to_owned(), format: checked.format, size_bytes: checked.size_bytes, problem: None }
            }
            Err(problem) => Model {
                id: id.to_owned(),
                format: found.format_by_name(),
                size_bytes: found.size_bytes(),
                problem: Some(format!("{}; {}", problem.text, problem.remedy)),
            },
        }
    }
}

fn check_id(id: &str) -> Result<(), Problem> {
    if id.chars().count() <= LONGEST_ID_CHARACTERS {
        return Ok(());
    }
    let text = format!("its name has more than {LONGEST_ID_CHARACTERS} characters, so that no job can name it");
    Err(Problem { text, remedy: "give it a shorter name".to_owned() })
}

impl Found {
    /// Returns what a file that cannot be read claims to be.
    fn format_by_name(&self) -> ModelFormat {
        match self {
            Self::File(path) if scan::has_ending(path, "gguf") => ModelFormat::Gguf,
            _ => ModelFormat::Safetensors,
        }
    }

    fn size_bytes(&self) -> u64 {
        let (Self::File(path) | Self::Sidecar(path)) = self;
        std::fs::metadata(path).map_or(0, |found| found.len())
    }
}
