//! Which text models there are, and how each is loaded: as its preset says, and else as the settings and the memory have it.

use std::path::Path;

use contract::job::{Failure, FailureCode};
use models::{
    Library,
    header::Pooling,
    llm::{
        LlmModel,
        memory::{LEAST_CONTEXT, Plan, context_within, estimate},
    },
};
use tracing::info;

use crate::{
    house::Mode,
    llama::Launch,
    trouble::refusal,
};

/// How many tokens llama-server reads in one step.
const STEP_TOKENS: u64 = 512;

/// The text models, and how they are loaded.
#[derive(Debug, Clone)]
pub struct Shelf {
    library: Library,
    slots: u32,
    context: u32,
}

/// A model that can be loaded.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// How.
    pub(crate) launch: Launch,
    /// What holds for conversations that do not say so themselves.
    pub(crate) system_prompt: Option<String>,
    model: LlmModel,
}

impl Shelf {
    /// Opens the folder of models. Each has so many slots of so many tokens where its preset says nothing; 0 tokens are as
    /// many as the memory holds.
    #[must_use]
    pub fn open(models_dir: &Path, slots: u32, context: u32) -> Self {
        Self { library: Library::open(models_dir), slots, context }
    }

    /// Returns how a model is loaded on a device on which all models may hold so much together. Reads from the disk.
    pub(crate) fn find(&self, id: &str, mode: Mode, comfortable_mib: u64) -> Result<Found, Failure> {
        let model = self.library.resolve_llm(id).map_err(refuse)?;
        let Some(first) = model.files.first() else { return Err(refuse_empty(id)) };
        let launch = Launch {
            model: first.into(),
            mmproj: model.mmproj.as_ref().map(|mmproj| (&mmproj.path).into()),
            slots: model.preset.parallel.unwrap_or(self.slots),
            context: 0,
            cache_type_k: model.preset.cache_type_k.unwrap_or_default(),
            cache_type_v: model.preset.cache_type_v.unwrap_or_default(),
            pooling: pooling(&model, mode),
            template: Some(model.preset.chat_template_kwargs.clone()).filter(|told| !told.is_empty()),
            avoids_gpu: false,
        };
        let context = match model.preset.context {
            Some(context) => context,
            None => self.context_within(&model, &launch, comfortable_mib),
        };
        let launch = Launch { context, ..launch };
        let system_prompt = model.preset.system_prompt.clone();
        Ok(Found { launch, system_prompt, model })
    }

    /// Returns how many tokens each slot gets.
    fn context_within(&self, model: &LlmModel, launch: &Launch, comfortable_mib: u64) -> u32 {
        let within = context_within(model, &plan(launch), comfortable_mib.saturating_mul(1 << 20));
        let wanted = if self.context == 0 { u64::MAX } else { u64::from(self.context) };
        if within < wanted.min(model.metadata.context_length.unwrap_or(LEAST_CONTEXT)) {
            info!(
                model.id = model.id,
                "{}: {within} tokens for each of {} slots fit into {comfortable_mib} MiB", model.id, launch.slots
            );
        }
        u32::try_from(within.min(wanted)).unwrap_or(u32::MAX)
    }
}

impl Found {
    /// Returns how much memory the model takes when it is loaded like this.
    pub(crate) fn needed_mib(&self, launch: &Launch) -> u64 {
        estimate(&self.model, &plan(launch)).total_bytes().div_ceil(1 << 20)
    }
}

fn plan(launch: &Launch) -> Plan {
    let context = u64::from(launch.context);
    Plan {
        context,
        parallel: u64::from(launch.slots),
        cache_type_k: launch.cache_type_k,
        cache_type_v: launch.cache_type_v,
        step_tokens: if launch.pooling.is_some() { context.max(STEP_TOKENS) } else { STEP_TOKENS },
    }
}

/// Returns how vectors are made; none where the model is to write.
fn pooling(model: &LlmModel, mode: Mode) -> Option<Pooling> {
    let own = model.preset.pooling.or(model.metadata.pooling).filter(|pooling| *pooling != Pooling::None);
    if mode == Mode::Text && !model.preset.embeddings && own.is_none() {
        return None;
    }
    // One that was not made for vectors has the mean of those of its tokens.
    Some(own.unwrap_or(Pooling::Mean))
}

/// Turns the library's refusal into the job's.
fn refuse(error: models::Error) -> Failure {
    let message = error.to_string();
    let remedy = match error {
        models::Error::Unknown { nearest, .. } if !nearest.is_empty() => {
            format!("choose one that is there, for example {}", nearest.join(", "))
        }
        models::Error::Unknown { .. } => "choose one that is there".to_owned(),
        models::Error::Broken { remedy, .. } => remedy,
        // A folder that cannot be read now may be there again at the next attempt.
        other => {
            let message = format!("{:#}", anyhow::Error::from(other));
            return Failure { code: FailureCode::Engine, message, remedy: None };
        }
    };
    refusal(message, remedy)
}

fn refuse_empty(id: &str) -> Failure {
    refusal(format!("the model {id} has no file"), "put it there again")
}
