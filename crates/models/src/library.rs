//! The models in a folder, and what adds to them.

mod add_ons;
mod files;
pub mod llm;
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
    model::{AddOn, Family, Model, ModelFormat},
};

use serde_json::{Map, Value};

pub use add_ons::AddOnFile;

use self::{
    add_ons::AddOns,
    files::Problem,
    llm::{ListedLlm, LlmModel, Llms},
    memory::Memory,
    scan::Found,
};

/// No id in a job may be longer.
const LONGEST_ID_CHARACTERS: usize = 200;
/// What the files below `checkpoints` are called in errors.
const NOUN: &str = "model";

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such model.
    #[error("there is no {noun} {id}")]
    Unknown {
        /// What it should be: a model, a LoRA, an upscaler, an embedding.
        noun: &'static str,
        /// What was asked for.
        id: String,
        /// Ids that look like it, the nearest first.
        nearest: Vec<String>,
    },
    /// The model is there, but cannot be used.
    #[error("the {noun} {id} cannot be used: {problem}")]
    Broken {
        /// What it should be: a model, a LoRA, an upscaler, an embedding.
        noun: &'static str,
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

/// A model that can be used.
#[derive(Debug, Clone)]
pub struct UsableModel {
    /// Its id.
    pub id: String,
    /// Its checked files, as absolute paths.
    pub files: ModelFiles,
    /// What it is built like.
    pub family: Family,
    /// What suits it by its own word, by the names of the fields of a job.
    pub defaults: Map<String, Value>,
}

/// The models in a folder; cheap to clone, and clones share what they remember. Its calls read from the disk: in async code they
/// belong into `spawn_blocking`.
#[derive(Debug, Clone)]
pub struct Library {
    models_dir: Arc<PathBuf>,
    memory: Arc<Memory>,
    loras: Arc<AddOns>,
    upscalers: Arc<AddOns>,
    embeddings: Arc<AddOns>,
    llms: Arc<Llms>,
}

impl Library {
    /// Returns the library of a folder, which need not be there yet.
    #[must_use]
    pub fn open(models_dir: &Path) -> Self {
        // A path that cannot be made absolute is empty, and an empty folder name is no folder.
        let models_dir = std::path::absolute(models_dir).unwrap_or_else(|_| models_dir.to_owned());
        Self {
            loras: Arc::new(AddOns::loras(&models_dir)),
            upscalers: Arc::new(AddOns::upscalers(&models_dir)),
            embeddings: Arc::new(AddOns::embeddings(&models_dir)),
            llms: Arc::new(Llms::new(&models_dir)),
            models_dir: Arc::new(models_dir),
            memory: Arc::default(),
        }
    }

    /// Returns every model, by id. Those that cannot be used say why, and what to do about it.
    pub fn list(&self) -> Result<Vec<Model>, Error> {
        let found = self.scan()?;
        self.memory.begin();
        let models = found.iter().map(|(id, found)| self.describe(id, found)).collect();
        self.memory.forget_the_rest();
        Ok(models)
    }

    /// Returns every model that can be used, by id, with its files.
    pub fn list_usable(&self) -> Result<Vec<UsableModel>, Error> {
        let found = self.scan()?;
        let usable = found.iter().filter_map(|(id, found)| {
            let files::Checked { files, family, defaults, .. } = self.files(found).ok()?;
            Some(UsableModel { id: id.clone(), files, family, defaults })
        });
        Ok(usable.collect())
    }

    /// Returns the checked files of a model, as absolute paths.
    pub fn resolve(&self, id: &str) -> Result<ModelFiles, Error> {
        self.check(id).map(|checked| checked.files)
    }

    /// Returns what a model is built like, if it can be used.
    pub fn load_family(&self, id: &str) -> Result<Family, Error> {
        self.check(id).map(|checked| checked.family)
    }

    /// Returns what suits a model by its own word, by the names of the fields of a job; only models of several files say it.
    pub fn load_defaults(&self, id: &str) -> Result<Map<String, Value>, Error> {
        self.check(id).map(|checked| checked.defaults)
    }

    /// Returns every LoRA, by id. Those that cannot be used say why.
    pub fn list_loras(&self) -> Result<Vec<AddOn>, Error> {
        self.loras.list()
    }

    /// Returns the checked file of a LoRA. Its name may be given without its folder where no other has it.
    pub fn resolve_lora(&self, name: &str) -> Result<AddOnFile, Error> {
        self.loras.resolve(name)
    }

    /// Returns every upscaler, by id. Those that cannot be used say why.
    pub fn list_upscalers(&self) -> Result<Vec<AddOn>, Error> {
        self.upscalers.list()
    }

    /// Returns the checked file of an upscaler. Its name may be given without its folder where no other has it.
    pub fn resolve_upscaler(&self, name: &str) -> Result<AddOnFile, Error> {
        self.upscalers.resolve(name)
    }

    /// Returns every embedding, by id. Those that cannot be used say why.
    pub fn list_embeddings(&self) -> Result<Vec<AddOn>, Error> {
        self.embeddings.list()
    }

    /// Returns the checked files of all embeddings that can be used, by id.
    pub fn embeddings(&self) -> Result<Vec<AddOnFile>, Error> {
        self.embeddings.usable()
    }

    /// Returns every language model, by id. Those that cannot be used say why, and what to do about it.
    pub fn list_llms(&self) -> Result<Vec<ListedLlm>, Error> {
        self.llms.list()
    }

    /// Returns a language model, its files checked.
    pub fn resolve_llm(&self, id: &str) -> Result<LlmModel, Error> {
        self.llms.resolve(id)
    }

    fn check(&self, id: &str) -> Result<files::Checked, Error> {
        let models = self.scan()?;
        let Some(found) = models.get(id) else {
            return Err(Error::Unknown { noun: NOUN, id: id.to_owned(), nearest: nearest::to(id, models.keys()) });
        };
        check_id(id).and_then(|()| self.files(found)).map_err(|problem| broken(NOUN, id, problem))
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
                let files::Checked { format, size_bytes, family, .. } = checked;
                Model { id: id.to_owned(), format, size_bytes, family, problem: None, fit: None }
            }
            Err(problem) => Model {
                id: id.to_owned(),
                format: found.format_by_name(),
                size_bytes: found.size_bytes(),
                family: Family::Unknown,
                problem: Some(format!("{}; {}", problem.text, problem.remedy)),
                fit: None,
            },
        }
    }
}

fn broken(noun: &'static str, id: &str, problem: Problem) -> Error {
    Error::Broken { noun, id: id.to_owned(), problem: problem.text, remedy: problem.remedy }
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
