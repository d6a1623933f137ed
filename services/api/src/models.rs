//! Which model a job gets: the one that it names, else the default.

use std::path::PathBuf;

use contract::model::{Family, Model, ModelFormat};
use models::Library;

use crate::config::{Config, EngineName};

/// The model of the scripted engine, which needs no file.
const SCRIPTED: &str = "scripted";

/// The models of this server; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Models {
    library: Library,
    folder: PathBuf,
    default: String,
    is_scripted: bool,
}

/// Why a job gets no model.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It names one that cannot be used.
    #[error(transparent)]
    Library(#[from] models::Error),
    /// It names none, and there is none.
    #[error("there is no usable model yet: put a .safetensors or .gguf file into {}", .0.display())]
    NoModel(PathBuf),
    /// The task that looks at files broke down.
    #[error("could not look at the model files")]
    Broken(#[source] tokio::task::JoinError),
}

impl Models {
    pub(crate) fn open(config: &Config) -> Self {
        Self {
            library: Library::open(&config.models_dir),
            folder: config.models_dir.clone(),
            default: config.default_model.clone(),
            is_scripted: config.engine == EngineName::Scripted,
        }
    }

    /// Lists all models, by id.
    pub(crate) async fn list(&self) -> Result<Vec<Model>, Error> {
        let library = self.library.clone();
        let mut models = tokio::task::spawn_blocking(move || library.list()).await.map_err(Error::Broken)??;
        if self.is_scripted {
            let id = SCRIPTED.to_owned();
            let family = Family::Unknown;
            models.insert(0, Model { id, format: ModelFormat::Scripted, size_bytes: 0, family, problem: None });
        }
        Ok(models)
    }

    /// Returns the model for a job that asks for this one, or for none in particular.
    pub(crate) async fn choose(&self, asked: Option<&str>) -> Result<String, Error> {
        let id = match asked.filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None if !self.default.is_empty() => self.default.clone(),
            None if self.is_scripted => SCRIPTED.to_owned(),
            None => {
                let usable = self.list().await?.into_iter().find(|model| model.problem.is_none());
                return usable.map(|model| model.id).ok_or_else(|| Error::NoModel(self.folder.join("checkpoints")));
            }
        };
        if self.is_scripted && id == SCRIPTED {
            return Ok(id);
        }
        let library = self.library.clone();
        let resolve = move || library.resolve(&id).map(|_| id);
        Ok(tokio::task::spawn_blocking(resolve).await.map_err(Error::Broken)??)
    }
}
