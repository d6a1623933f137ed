//! Which model a job gets: the one that it names, else the default.

use std::path::{Path, PathBuf};

use contract::model::{AddOn, Family, Model, ModelFormat};
use models::Library;
use serde_json::{Map, Value};

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

/// The model of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) id: String,
    pub(crate) family: Family,
    /// What suits it by its own word, by the names of fields.
    pub(crate) defaults: Map<String, Value>,
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
    /// It names no language model, and there is none that can do it.
    #[error("there is no usable language model yet: put a .gguf file into {}", .0.display())]
    NoLlm(PathBuf),
    /// It names no language model, and there is none that looks at pictures.
    #[error("no language model here looks at pictures yet: put one with vision, a .gguf file and its mmproj, into {}", .0.display())]
    NoSight(PathBuf),
    /// The task that looks at files broke down.
    #[error("could not look at the model files")]
    Broken(#[source] tokio::task::JoinError),
}

impl Error {
    /// Returns whether there is no such model, which is not the same as one that cannot be used.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(
            self,
            Self::NoLlm(_) | Self::NoSight(_) | Self::NoModel(_) | Self::Library(models::Error::Unknown { .. })
        )
    }
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

    /// Returns the folder of all models.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Lists all models, by id.
    pub(crate) async fn list(&self) -> Result<Vec<Model>, Error> {
        let mut models = self.look(Library::list).await?;
        if self.is_scripted {
            let id = SCRIPTED.to_owned();
            let family = Family::Unknown;
            models.insert(
                0,
                Model { id, format: ModelFormat::Scripted, size_bytes: 0, family, problem: None, fit: None },
            );
        }
        Ok(models)
    }

    /// Lists all LoRAs, by id.
    pub(crate) async fn list_loras(&self) -> Result<Vec<AddOn>, Error> {
        self.look(Library::list_loras).await
    }

    /// Lists all upscalers, by id.
    pub(crate) async fn list_upscalers(&self) -> Result<Vec<AddOn>, Error> {
        self.look(Library::list_upscalers).await
    }

    /// Lists all embeddings, by id.
    pub(crate) async fn list_embeddings(&self) -> Result<Vec<AddOn>, Error> {
        self.look(Library::list_embeddings).await
    }

    /// Looks at the files of the models, away from the threads that answer clients.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        at: impl FnOnce(&Library) -> Result<T, models::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let library = self.library.clone();
        Ok(tokio::task::spawn_blocking(move || at(&library)).await.map_err(Error::Broken)??)
    }

    /// Returns the model for a job that asks for this one, or for none in particular.
    pub(crate) async fn choose(&self, asked: Option<&str>) -> Result<Chosen, Error> {
        let id = match asked.filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None if !self.default.is_empty() => self.default.clone(),
            None if self.is_scripted => SCRIPTED.to_owned(),
            None => {
                let usable = self.list().await?.into_iter().find(|model| model.problem.is_none());
                let none = || Error::NoModel(self.folder.join("checkpoints"));
                usable.map(|model| model.id).ok_or_else(none)?
            }
        };
        if self.is_scripted && id == SCRIPTED {
            return Ok(Chosen { id, family: Family::Unknown, defaults: Map::new() });
        }
        self.look(move |library| {
            let (family, defaults) = (library.load_family(&id)?, library.load_defaults(&id)?);
            Ok(Chosen { id, family, defaults })
        })
        .await
    }
}
