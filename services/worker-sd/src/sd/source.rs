//! The files of what an order needs, as the library of models finds and checks them.

use std::{fs, sync::Arc};

use contract::{engine::Embedding, spec::JobSpec};
use models::{Library, memory::Parts};
use worker::{EngineError, Order};

use super::{residents::Source, session::Load};

/// Returns what a child is to load for an order: the checked files of a model or of an upscaler.
pub(super) async fn find(library: &Library, key: &str, order: &Order) -> Result<Source, EngineError> {
    let (library, id) = (library.clone(), key.to_owned());
    let is_upscale = matches!(order.spec, JobSpec::Upscale(_));
    let looking = tokio::task::spawn_blocking(move || {
        let wanted = if is_upscale { find_upscaler(&library, &id)? } else { find_model(&library, &id)? };
        let parts = match &wanted {
            Load::Model { files, .. } => Parts::of(files),
            Load::Upscaler { path } => Parts::of_upscaler(fs::metadata(path).map_or(0, |found| found.len())),
        };
        Ok(Source { wanted: Arc::new(wanted), parts })
    });
    looking.await.map_err(|error| EngineError::Engine { message: error.to_string() })?.map_err(refuse)
}

/// Returns the checked files of a model, with all embeddings that there are. Reads from the disk.
fn find_model(library: &Library, id: &str) -> Result<Load, models::Error> {
    let files = Box::new(library.resolve(id)?);
    // People write the name of the file alone. Of two with one name the library takes the first.
    let word = |id: &str| id.rsplit('/').next().unwrap_or(id).to_owned();
    let embeddings = library.embeddings()?.into_iter();
    let embeddings = embeddings.map(|file| Embedding { name: word(&file.id), path: file.path }).collect();
    Ok(Load::Model { files, embeddings })
}

/// Returns the checked file of an upscaler. Reads from the disk.
fn find_upscaler(library: &Library, id: &str) -> Result<Load, models::Error> {
    Ok(Load::Upscaler { path: library.resolve_upscaler(id)?.path })
}

/// Turns the library's refusal into the job's.
pub(super) fn refuse(error: models::Error) -> EngineError {
    let message = error.to_string();
    let remedy = match error {
        models::Error::Unknown { nearest, .. } if !nearest.is_empty() => {
            format!("choose one that is there, for example {}", nearest.join(", "))
        }
        models::Error::Unknown { .. } => "choose one that is there".to_owned(),
        models::Error::Broken { remedy, .. } => remedy,
        // A folder that cannot be read now may be there again at the next attempt.
        other => return EngineError::Engine { message: format!("{:#}", anyhow::Error::from(other)) },
    };
    EngineError::Rejected { message, remedy: Some(remedy) }
}
