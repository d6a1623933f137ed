//! The models that jobs can name, and what adds to them.

use std::{collections::HashMap, sync::Arc};

use axum::{Json, extract::State};
use contract::{
    cost::Cost,
    model::{AddOn, Model},
    page::Page,
    spec::WorkerKind,
};

use super::{Api, jobs::whole, problem::Error};
use crate::{
    fit::{Place, fit_upscalers},
    models,
};

/// Lists the models, by id: whether each fits into memory, or why it cannot be used.
#[utoipa::path(get, path = "/api/models", tag = "models",
    responses((status = 200, description = "All of them.", body = Page<Model>)))]
pub(crate) async fn list_models(State(api): State<Arc<Api>>) -> Result<Json<Page<Model>>, Error> {
    answer(list(&api).await)
}

/// Returns the models, with what is known of their memory.
async fn list(api: &Api) -> Result<Vec<Model>, models::Error> {
    let mut listed = api.models.list().await?;
    if let Some((place, costs)) = painting_place(api).await {
        api.models.fit(&mut listed, place, costs).await?;
    }
    Ok(listed)
}

/// Lists the LoRAs, by id. Those that cannot be used say why.
#[utoipa::path(get, path = "/api/loras", tag = "models",
    responses((status = 200, description = "All of them.", body = Page<AddOn>)))]
pub(crate) async fn list_loras(State(api): State<Arc<Api>>) -> Result<Json<Page<AddOn>>, Error> {
    answer(api.models.list_loras().await)
}

/// Lists the upscalers, by id: whether each fits into memory, or why it cannot be used.
#[utoipa::path(get, path = "/api/upscalers", tag = "models",
    responses((status = 200, description = "All of them.", body = Page<AddOn>)))]
pub(crate) async fn list_upscalers(State(api): State<Arc<Api>>) -> Result<Json<Page<AddOn>>, Error> {
    let mut listed = api.models.list_upscalers().await;
    if let (Ok(upscalers), Some((place, costs))) = (&mut listed, painting_place(&api).await) {
        fit_upscalers(upscalers, &place, &costs);
    }
    answer(listed)
}

/// Returns the device that paints, and what jobs have cost there, by model; without the record all of it is estimated.
async fn painting_place(api: &Api) -> Option<(Place, HashMap<String, Vec<Cost>>)> {
    let place = Place::find(&api.queue, WorkerKind::Sd).await?;
    let costs = api.db.list_costs(&place.found).await.unwrap_or_default();
    Some((place, costs))
}

/// Lists the embeddings, by id, which is also the word that calls one in a prompt. Those that cannot be used say why.
#[utoipa::path(get, path = "/api/embeddings", tag = "models",
    responses((status = 200, description = "All of them.", body = Page<AddOn>)))]
pub(crate) async fn list_embeddings(State(api): State<Arc<Api>>) -> Result<Json<Page<AddOn>>, Error> {
    answer(api.models.list_embeddings().await)
}

fn answer<T>(listed: Result<Vec<T>, models::Error>) -> Result<Json<Page<T>>, Error> {
    listed.map(|all| Json(whole(all))).map_err(unreadable)
}

/// Returns the problem that the files of the models cannot be looked at.
pub(crate) fn unreadable(error: models::Error) -> Error {
    Error::unavailable("the folder of the models", error)
}
