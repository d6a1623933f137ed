//! Which language model a request gets: the one that it names, else the first that can do what is asked.

use std::collections::BTreeSet;

use contract::{
    llm::{LanguageModel, Modality},
    spec::WorkerKind,
    worker::Worker,
};
use models::llm::{ListedLlm, LlmModel};
use queue::Queue;

use crate::models::{Error, Models};

/// What a text worker calls its engine when that is a server elsewhere, whose models lie in no folder here.
const ELSEWHERE: &str = "OpenAI";

/// What a language model is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To write.
    Speech,
    /// To write about pictures.
    Sight,
    /// To make vectors.
    Vectors,
    /// For its words alone.
    Any,
}

/// A language model as far as requests concern it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Llm {
    pub(crate) id: String,
    pub(crate) has_vision: bool,
    pub(crate) is_embedder: bool,
}

impl Llm {
    /// Returns whether the model was made for this.
    pub(crate) fn fits(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Speech => !self.is_embedder,
            Purpose::Sight => !self.is_embedder && self.has_vision,
            Purpose::Vectors => self.is_embedder,
            Purpose::Any => true,
        }
    }
}

impl Models {
    /// Lists all language models, by id. Those that cannot be used say why.
    pub(crate) async fn list_llms(&self) -> Result<Vec<LanguageModel>, Error> {
        let listed = self.look(|library| library.list_llms()).await?;
        Ok(listed.into_iter().map(described).collect())
    }

    /// Returns the language model for a request that names this one, or none in particular.
    pub(crate) async fn choose_llm(&self, asked: Option<&str>, purpose: Purpose) -> Result<Llm, Error> {
        if let Some(id) = asked.filter(|id| !id.is_empty()) {
            let id = id.to_owned();
            return self.look(move |library| library.resolve_llm(&id)).await.map(|model| known(&model));
        }
        let listed = self.look(|library| library.list_llms()).await?;
        let usable: Vec<Llm> = listed.iter().filter_map(|one| one.model.as_ref().ok()).map(known).collect();
        let fits = usable.iter().find(|llm| llm.fits(purpose));
        // Every model can make vectors, if there is none that was made for it.
        let any = usable.first().filter(|_| purpose == Purpose::Vectors);
        let folder = || self.folder().join("llm");
        fits.or(any).cloned().ok_or_else(|| match purpose {
            Purpose::Sight => Error::NoSight(folder()),
            Purpose::Speech | Purpose::Vectors | Purpose::Any => Error::NoLlm(folder()),
        })
    }

    /// Returns the same, where the model may be one of an engine elsewhere, too.
    pub(crate) async fn find_llm(&self, queue: &Queue, asked: Option<&str>, purpose: Purpose) -> Result<Llm, Error> {
        match self.choose_llm(asked, purpose).await {
            Err(error) if error.is_missing() => find_elsewhere(queue, asked).await.ok_or(error),
            found => found,
        }
    }
}

/// Lists the models of engines elsewhere, as their workers announce them. None while Valkey does not answer.
pub(crate) async fn list_elsewhere(queue: &Queue) -> BTreeSet<String> {
    list_resident(queue, |worker| worker.engine == ELSEWHERE).await
}

/// Lists the models in the memory of text workers. None while Valkey does not answer.
pub(crate) async fn list_in_memory(queue: &Queue) -> BTreeSet<String> {
    list_resident(queue, |worker| worker.engine != ELSEWHERE).await
}

async fn list_resident(queue: &Queue, of: impl Fn(&Worker) -> bool) -> BTreeSet<String> {
    let workers = queue.workers().await.unwrap_or_default();
    let text = workers.into_iter().filter(|worker| worker.kind == WorkerKind::Llm && of(worker));
    text.flat_map(|worker| worker.resident_models).collect()
}

/// Returns the model of an engine elsewhere for a request that names it, or none in particular.
async fn find_elsewhere(queue: &Queue, asked: Option<&str>) -> Option<Llm> {
    let asked = asked.filter(|id| !id.is_empty());
    let id = list_elsewhere(queue).await.into_iter().find(|id| asked.is_none_or(|asked| asked == id))?;
    // What it can do only its engine knows, which says so.
    Some(Llm { id, has_vision: true, is_embedder: false })
}

fn known(model: &LlmModel) -> Llm {
    Llm { id: model.id.clone(), has_vision: has_vision(model), is_embedder: is_embedder(model) }
}

fn has_vision(model: &LlmModel) -> bool {
    model.mmproj.as_ref().is_some_and(|mmproj| mmproj.eye.has_vision)
}

/// Models that were made for vectors say how they make one of many tokens, and not how a chat is written.
fn is_embedder(model: &LlmModel) -> bool {
    model.preset.embeddings || (model.metadata.pooling.is_some() && !model.metadata.has_chat_template)
}

fn described(listed: ListedLlm) -> LanguageModel {
    let ListedLlm { id, size_bytes, model } = listed;
    let mut described = LanguageModel { size_bytes, ..unknown(id) };
    let model = match model {
        Ok(model) => model,
        Err(problem) => return LanguageModel { problem: Some(problem), ..described },
    };
    described.modalities.push(Modality::Text);
    described.modalities.extend(has_vision(&model).then_some(Modality::Image));
    let hears = model.mmproj.as_ref().is_some_and(|mmproj| mmproj.eye.has_audio);
    described.modalities.extend(hears.then_some(Modality::Audio));
    described.is_embedder = is_embedder(&model);
    described.context = model.preset.context;
    described.name = model.name;
    let metadata = model.metadata;
    described.architecture = Some(metadata.architecture);
    described.parameters = Some(metadata.parameters);
    described.quantisation = metadata.quantisation.map(str::to_owned);
    described.context_length = metadata.context_length;
    described.has_chat_template = metadata.has_chat_template;
    described
}

/// Returns a language model of which only the id is known.
pub(crate) fn unknown(id: String) -> LanguageModel {
    LanguageModel {
        name: id.clone(),
        id,
        size_bytes: 0,
        architecture: None,
        parameters: None,
        quantisation: None,
        context_length: None,
        context: None,
        modalities: Vec::new(),
        is_embedder: false,
        has_chat_template: false,
        problem: None,
        fit: None,
    }
}
