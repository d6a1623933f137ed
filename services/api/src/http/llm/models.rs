//! The language models that requests can name.

use std::{collections::BTreeSet, sync::Arc};

use ::models::llm::memory::Usual;
use axum::{Json, extract::State};
use contract::{llm::LanguageModel, page::Page, problem::ProblemCode, spec::WorkerKind};

use crate::{
    fit::Place,
    http::{Api, jobs::whole, problem::Error, submission::unusable_model},
    llms::{self, Llm},
    models, submit,
};

/// What a text worker calls its engine when that is a server elsewhere, whose models lie in no folder here.
const ELSEWHERE: &str = "OpenAI";

/// Lists the language models, by id: whether each fits into memory, or why it cannot be used.
#[utoipa::path(get, path = "/api/llm/models", tag = "llm",
    responses((status = 200, description = "All of them.", body = Page<LanguageModel>)))]
pub(crate) async fn list_llms(State(api): State<Arc<Api>>) -> Result<Json<Page<LanguageModel>>, Error> {
    let mut listed = list(&api).await?;
    if let Some(place) = Place::find(&api.queue, WorkerKind::Llm).await {
        let usual = Usual { slots: api.config.text_slots, context: api.config.text_context };
        let fitted = api.models.fit_llms(&mut listed, place, usual).await;
        fitted.map_err(|error| Error::unavailable("the folder of the models", error))?;
    }
    Ok(Json(whole(listed)))
}

/// Returns the language models in the folder, and those of engines elsewhere.
pub(crate) async fn list(api: &Api) -> Result<Vec<LanguageModel>, Error> {
    let listed = api.models.list_llms().await;
    let mut listed = listed.map_err(|error| Error::unavailable("the folder of the models", error))?;
    for id in list_elsewhere(api).await {
        if !listed.iter().any(|known| known.id == id) {
            listed.push(llms::unknown(id));
        }
    }
    Ok(listed)
}

/// Returns the model of an engine elsewhere for a request that names it, or none in particular.
pub(crate) async fn find_elsewhere(api: &Api, asked: Option<&str>) -> Option<Llm> {
    let id = list_elsewhere(api).await.into_iter().find(|id| asked.is_none_or(|asked| asked == id))?;
    // What it can do only its engine knows, which says so.
    Some(Llm { id, has_vision: true, is_embedder: false })
}

/// Lists the models of engines elsewhere, as their workers announce them. None while Valkey does not answer.
async fn list_elsewhere(api: &Api) -> Vec<String> {
    let workers = api.queue.workers().await.unwrap_or_default();
    let elsewhere = workers.into_iter().filter(|worker| worker.kind == WorkerKind::Llm && worker.engine == ELSEWHERE);
    let models: BTreeSet<String> = elsewhere.flat_map(|worker| worker.resident_models).collect();
    models.into_iter().collect()
}

/// Says why a language model cannot be used, and which ones look like it.
pub(crate) fn unusable_llm(error: models::Error) -> Error {
    match error {
        models::Error::NoLlm(_) => Error::new(ProblemCode::UnknownModel, error.to_string()).at("/model"),
        models::Error::Library(::models::Error::Unknown { id, nearest, .. }) => {
            let detail = submit::unknown("language model", &id, &nearest, "/api/llm/models");
            let refusal = Error::new(ProblemCode::UnknownModel, detail).at("/model");
            nearest.into_iter().fold(refusal, |refusal, near| refusal.fix("model", near))
        }
        error => unusable_model(error),
    }
}
