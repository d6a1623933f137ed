//! What there is to choose from, in the words of A1111.

use std::sync::Arc;

use ::assets::metadata::names::{sampler_name, scheduler_name};
use axum::{Json, extract::State};
use contract::{
    model::AddOn,
    spec::{
        Hires,
        sampling::{Sampler, Scheduler},
    },
};
use serde_json::{Map, Value, json};

use super::painting::upscaler_title;
use crate::{
    http::{Api, models::unreadable, problem::Error},
    live::memory as memory_mib,
};

/// How many times an upscaler enlarges where nobody says otherwise.
const USUAL_SCALE: u32 = 4;

pub(crate) async fn samplers() -> Json<Value> {
    let describe = |sampler: &Sampler| json!({ "name": sampler_name(*sampler), "aliases": [sampler], "options": {} });
    Json(Sampler::ALL.iter().map(describe).collect())
}

pub(crate) async fn schedulers() -> Json<Value> {
    let entry = |name: Value, label: &str| json!({ "name": name, "label": label, "aliases": null, "default_rho": -1, "need_inner_model": false });
    let ours = Scheduler::ALL.iter().map(|scheduler| entry(json!(scheduler), scheduler_name(*scheduler)));
    Json([entry("automatic".into(), "Automatic")].into_iter().chain(ours).collect())
}

pub(crate) async fn upscalers(State(api): State<Arc<Api>>) -> Result<Json<Value>, Error> {
    let entry = |name: &str, model: Option<&str>| json!({ "name": name, "model_name": model, "model_path": null, "model_url": null, "scale": USUAL_SCALE });
    let found = usable(api.models.list_upscalers().await)?;
    let found = found.iter().map(|upscaler| entry(&upscaler.id, Some(&upscaler.id)));
    Ok(Json([entry("None", None), entry("Lanczos", None)].into_iter().chain(found).collect()))
}

pub(crate) async fn latent_upscale_modes() -> Json<Value> {
    let latent = Hires::BUILT_IN.iter().filter(|name| name.starts_with("latent"));
    Json(latent.map(|name| json!({ "name": upscaler_title(name) })).collect())
}

pub(crate) async fn models(State(api): State<Arc<Api>>) -> Result<Json<Value>, Error> {
    let models = api.models.list().await;
    let models = models.map_err(unreadable)?;
    let usable = models.iter().filter(|model| model.problem.is_none());
    let describe = |id: &String| json!({ "title": id, "model_name": id, "hash": null, "sha256": null, "filename": id, "config": null });
    Ok(Json(usable.map(|model| describe(&model.id)).collect()))
}

pub(crate) async fn loras(State(api): State<Arc<Api>>) -> Result<Json<Value>, Error> {
    let found = usable(api.models.list_loras().await)?;
    let describe = |lora: &AddOn| json!({ "name": lora.id, "alias": lora.id, "path": lora.id, "metadata": {} });
    Ok(Json(found.iter().map(describe).collect()))
}

pub(crate) async fn embeddings(State(api): State<Arc<Api>>) -> Result<Json<Value>, Error> {
    let found = usable(api.models.list_embeddings().await)?;
    let nothing = json!({ "step": null, "sd_checkpoint": null, "sd_checkpoint_name": null, "shape": 0, "vectors": 0 });
    let loaded: Map<String, Value> = found.into_iter().map(|embedding| (embedding.id, nothing.clone())).collect();
    Ok(Json(json!({ "loaded": loaded, "skipped": {} })))
}

pub(crate) async fn scripts() -> Json<Value> {
    Json(json!({ "txt2img": [], "img2img": [] }))
}

pub(crate) async fn cmd_flags() -> Json<Value> {
    Json(json!({ "api": true, "nowebui": true, "listen": false, "share": false, "medvram": false, "lowvram": false }))
}

pub(crate) async fn memory() -> Json<Value> {
    let (total, available) = memory_mib();
    let (total, available) = (total << 20, available << 20);
    let ram = json!({ "total": total, "free": available, "used": total.saturating_sub(available) });
    // Workers hold the graphics cards, not this process.
    Json(json!({ "ram": ram, "cuda": { "error": "see GET /api/workers" } }))
}

/// There is nothing of this kind, and nothing is missing.
pub(crate) async fn nothing() -> Json<Value> {
    Json(json!([]))
}

/// There is nothing to do.
pub(crate) async fn done() -> Json<Value> {
    Json(json!({}))
}

/// Returns those that can be used.
fn usable(found: Result<Vec<AddOn>, crate::models::Error>) -> Result<Vec<AddOn>, Error> {
    Ok(found.map_err(unreadable)?.into_iter().filter(|found| found.problem.is_none()).collect())
}
