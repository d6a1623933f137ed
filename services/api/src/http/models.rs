//! The models that jobs can name.

use std::sync::Arc;

use axum::{Json, extract::State};
use contract::{model::Model, page::Page};

use super::{Api, jobs::whole, problem::Error};

/// Lists the models, by id. Those that cannot be used say why.
#[utoipa::path(get, path = "/api/models", tag = "models",
    responses((status = 200, description = "All of them.", body = Page<Model>)))]
pub(crate) async fn list_models(State(api): State<Arc<Api>>) -> Result<Json<Page<Model>>, Error> {
    let models = api.models.list().await;
    models.map(|models| Json(whole(models))).map_err(|error| Error::unavailable("the folder of the models", error))
}
