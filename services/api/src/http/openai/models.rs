//! `GET /v1/models` and `GET /v1/models/{id}`, whose ids may contain `/`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawPathParams, State},
};
use contract::{model::Model, problem::ProblemCode};
use serde_json::{Value, json};

use crate::http::{Api, json::shortened, models::unreadable, problem::Error};

/// Lists the models that can be used.
pub(crate) async fn list(State(api): State<Arc<Api>>) -> Result<Json<Value>, Error> {
    let models: Vec<Value> = usable(&api).await?.iter().map(described).collect();
    Ok(Json(json!({ "object": "list", "data": models })))
}

/// Returns one of them.
pub(crate) async fn load(State(api): State<Arc<Api>>, path: RawPathParams) -> Result<Json<Value>, Error> {
    let id = path.iter().next().map(|(_, id)| id).unwrap_or_default();
    let models = usable(&api).await?;
    let model = models.iter().find(|model| model.id == id).ok_or_else(|| {
        let detail = format!("there is no model {:?}; GET /v1/models lists those that there are", shortened(id));
        Error::new(ProblemCode::UnknownModel, detail)
    })?;
    Ok(Json(described(model)))
}

async fn usable(api: &Api) -> Result<Vec<Model>, Error> {
    let models = api.models.list().await;
    let models = models.map_err(unreadable)?;
    Ok(models.into_iter().filter(|model| model.problem.is_none()).collect())
}

fn described(model: &Model) -> Value {
    json!({ "id": model.id, "object": "model", "created": 0, "owned_by": "atelier" })
}
