//! The models in a folder.

use std::path::Path;

use contract::{engine::ModelFiles, model::Model};

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
}

/// The models in a folder; cheap to clone, clones share what they remember.
#[derive(Debug, Clone)]
pub struct Library;

impl Library {
    /// Returns the library of a folder, which need not be there yet.
    #[must_use]
    pub fn open(_models_dir: &Path) -> Self {
        todo!()
    }

    /// Returns every model, by id. Those that cannot be used say why.
    pub fn list(&self) -> Result<Vec<Model>, Error> {
        todo!()
    }

    /// Returns the checked files of a model, as absolute paths.
    pub fn resolve(&self, _id: &str) -> Result<ModelFiles, Error> {
        todo!()
    }
}
