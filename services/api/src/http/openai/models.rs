//! `GET /v1/models` and `GET /v1/models/{id}`, whose ids may contain `/`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawPathParams, State},
};
use contract::{llm::LanguageModel, problem::ProblemCode};
use serde_json::{Value, json};

use crate::http::{Api, json::shortened, llm, models::unreadable, problem::Error};

/// Lists the models that can be used: those that write first, because most of these programs want to chat.
pub(crate) async fn list(State(api): State<Arc<Api>>) -> Result<Json<Value>, Error> {
    Ok(Json(json!({ "object": "list", "data": usable(&api).await? })))
}

/// Returns one of them.
pub(crate) async fn load(State(api): State<Arc<Api>>, path: RawPathParams) -> Result<Json<Value>, Error> {
    let id = path.iter().next().map(|(_, id)| id).unwrap_or_default();
    let found = usable(&api).await?.into_iter().find(|model| model["id"] == id);
    found.map(Json).ok_or_else(|| {
        let detail = format!("there is no model {:?}; GET /v1/models lists those that there are", shortened(id));
        Error::new(ProblemCode::UnknownModel, detail)
    })
}

/// Returns every model as these programs see it. The folder of a model that writes and of one that paints may have the same name
/// in them: then the id stands there once.
async fn usable(api: &Api) -> Result<Vec<Value>, Error> {
    let writing = llm::models::list(api).await?;
    let painting = api.models.list().await.map_err(unreadable)?;
    let mut usable: Vec<Value> = writing.iter().filter(|llm| llm.problem.is_none()).map(writer).collect();
    for model in painting.into_iter().filter(|model| model.problem.is_none()) {
        if !usable.iter().any(|known| known["id"] == model.id) {
            usable.push(described(&model.id, "image"));
        }
    }
    Ok(usable)
}

fn described(id: &str, kind: &str) -> Value {
    json!({ "id": id, "object": "model", "created": 0, "owned_by": "atelier", "type": kind })
}

/// Returns a model that writes, with the notes of llama.cpp.
fn writer(llm: &LanguageModel) -> Value {
    let mut model = described(&llm.id, if llm.is_embedder { "embeddings" } else { "llm" });
    model["meta"] = json!({
        "n_ctx_train": llm.context_length,
        "n_params": llm.parameters,
        "size": llm.size_bytes,
        "ftype": llm.quantisation,
    });
    model["modalities"] = json!(llm.modalities);
    model
}
