//! Which text models there are, and how each is loaded: as its preset says, and else as the settings and the memory have it.

use std::path::Path;

use contract::job::{Failure, FailureCode};
use models::{
    Library,
    header::Pooling,
    llm::{
        LlmModel,
        memory::{LEAST_CONTEXT, Plan, Usual, estimate},
    },
};
use tracing::info;

use crate::{house::Mode, llama::Launch, trouble::refusal};

/// The text models, and how they are loaded.
#[derive(Debug, Clone)]
pub struct Shelf {
    library: Library,
    usual: Usual,
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
        Self { library: Library::open(models_dir), usual: Usual { slots, context } }
    }

    /// Returns how a model is loaded on a device on which all models may hold so much together. Reads from the disk.
    pub(crate) fn find(&self, id: &str, mode: Mode, comfortable_mib: u64) -> Result<Found, Failure> {
        let model = self.library.resolve_llm(id).map_err(refuse)?;
        let Some(first) = model.files.first() else { return Err(refuse_empty(id)) };
        let pooling = pooling(&model, mode);
        let plan = Plan::within(&model, self.usual, pooling.is_some(), comfortable_mib);
        let launch = Launch {
            model: first.into(),
            mmproj: model.mmproj.as_ref().map(|mmproj| (&mmproj.path).into()),
            slots: u32::try_from(plan.parallel).unwrap_or(u32::MAX),
            context: u32::try_from(plan.context).unwrap_or(u32::MAX),
            cache_type_k: plan.cache_type_k,
            cache_type_v: plan.cache_type_v,
            pooling,
            template: Some(model.preset.chat_template_kwargs.clone()).filter(|told| !told.is_empty()),
            avoids_gpu: false,
        };
        self.tell_if_short(&model, &launch, comfortable_mib);
        let system_prompt = model.preset.system_prompt.clone();
        Ok(Found { launch, system_prompt, model })
    }

    /// Says so where a slot gets fewer tokens than were wanted.
    fn tell_if_short(&self, model: &LlmModel, launch: &Launch, comfortable_mib: u64) {
        let most = model.metadata.context_length.unwrap_or(LEAST_CONTEXT);
        let wanted = if self.usual.context == 0 { most } else { u64::from(self.usual.context).min(most) };
        if model.preset.context.is_none() && u64::from(launch.context) < wanted {
            info!(
                model.id = model.id,
                "{}: {} tokens for each of {} slots fit into {comfortable_mib} MiB",
                model.id,
                launch.context,
                launch.slots
            );
        }
    }
}

impl Found {
    /// Returns how much memory the model takes when it is loaded like this.
    pub(crate) fn needed_mib(&self, launch: &Launch) -> u64 {
        let (context, slots) = (u64::from(launch.context), u64::from(launch.slots));
        let plan = Plan {
            cache_type_k: launch.cache_type_k,
            cache_type_v: launch.cache_type_v,
            ..Plan::of(&self.model, context, slots, launch.pooling.is_some())
        };
        estimate(&self.model, &plan).total_bytes().div_ceil(1 << 20)
    }
}

/// Returns how vectors are made; none where the model is to write.
fn pooling(model: &LlmModel, mode: Mode) -> Option<Pooling> {
    if mode == Mode::Text && !model.makes_vectors() {
        return None;
    }
    // One that was not made for vectors has the mean of those of its tokens.
    Some(model.pooling().unwrap_or(Pooling::Mean))
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
