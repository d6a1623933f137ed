//! Which model tags, and whether it is in memory.

use contract::{spec::WorkerKind, worker::WorkerState};

use crate::{
    assistant::{Assistant, Role},
    db::Sense,
    dispatch::Trouble,
    llms::{self, Purpose},
};

/// The model that tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tagger {
    /// Its id.
    pub(super) model: String,
    pub(super) sense: Sense,
    /// Whether it needs no loading.
    pub(super) is_in_memory: bool,
}

/// What was found where a model that tags was looked for.
#[derive(Debug)]
pub(super) enum Found {
    /// One that can.
    Tagger(Tagger),
    /// No model, or no worker for it.
    Nothing,
    /// The settings name one that cannot, and this is why.
    Misnamed(String),
}

/// Finds the model that tags: by sight if any can see.
///
/// A model of an engine elsewhere tags only where the settings name it: pictures leave for no other server by themselves.
pub(super) async fn find(assistant: &Assistant) -> Result<Found, Trouble> {
    let mut workers = assistant.queue.workers().await?;
    workers.retain(|worker| worker.kind == WorkerKind::Llm && worker.state != WorkerState::Broken);
    if workers.is_empty() {
        return Ok(Found::Nothing);
    }
    let elsewhere = llms::list_elsewhere(&assistant.queue).await;
    let is_named = !assistant.roles.tagger.is_empty();
    let mut problem = None;
    for (sense, purpose) in [(Sense::Sight, Purpose::Sight), (Sense::Reading, Purpose::Speech)] {
        match assistant.choose(Role::Tagger, None, purpose).await {
            Ok(llm) if is_named || !elsewhere.contains(&llm.id) => {
                let is_in_memory = workers.iter().any(|worker| worker.resident_models.contains(&llm.id));
                return Ok(Found::Tagger(Tagger { model: llm.id, sense, is_in_memory }));
            }
            Ok(_) => {}
            Err(error) => problem = Some(error),
        }
    }
    Ok(match problem {
        Some(error) if is_named => Found::Misnamed(format!("{:#}", anyhow::Error::from(error))),
        _ => Found::Nothing,
    })
}
