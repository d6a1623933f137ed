//! The language models that requests can name.

use std::sync::Arc;

use ::models::llm::memory::Usual;
use axum::{Json, extract::State};
use contract::{llm::LanguageModel, page::Page, problem::ProblemCode, spec::WorkerKind};

use crate::{
    fit::Place,
    http::{Api, jobs::whole, problem::Error, submission::unusable_model},
    llms, models, submit,
};

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
    for id in llms::list_elsewhere(&api.queue).await {
        if !listed.iter().any(|known| known.id == id) {
            listed.push(llms::unknown(id));
        }
    }
    Ok(listed)
}

/// Says why a language model cannot be used, and which ones look like it.
pub(crate) fn unusable_llm(error: models::Error) -> Error {
    match error {
        models::Error::NoLlm(_) | models::Error::NoSight(_) => {
            Error::new(ProblemCode::UnknownModel, error.to_string()).at("/model")
        }
        models::Error::Library(::models::Error::Unknown { id, nearest, .. }) => {
            let detail = submit::unknown("language model", &id, &nearest, "/api/llm/models");
            let refusal = Error::new(ProblemCode::UnknownModel, detail).at("/model");
            nearest.into_iter().fold(refusal, |refusal, near| refusal.fix("model", near))
        }
        error => unusable_model(error),
    }
}
