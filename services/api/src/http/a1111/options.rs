//! Options: one of them does something, the model of those who name none. It is kept for all programs of this server.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use contract::problem::ProblemCode;
use serde_json::{Value, json};

use crate::http::{
    Api, compat::fields::Fields, json::shortened, models::unreadable, problem::Error, submission::unusable_model,
};

/// Under which name the settings hold the model.
const SETTING: &str = "a1111_model";
/// What A1111 adds to the names of models.
const ENDINGS: [&str; 3] = [".safetensors", ".gguf", ".json"];

/// Returns the options that programs look at.
pub(crate) async fn show(State(api): State<Arc<Api>>) -> Result<Json<Value>, Error> {
    let model = match chosen_model(&api).await? {
        Some(model) => model,
        // Without any model there is still something to say.
        None => api.models.choose(None).await.map(|chosen| chosen.id).unwrap_or_default(),
    };
    Ok(Json(json!({
        "sd_model_checkpoint": model,
        "sd_checkpoint_hash": "",
        "sd_vae": "Automatic",
        "CLIP_stop_at_last_layers": 1,
        "samples_format": "png",
        "samples_save": true,
        "save_images_add_number": true,
        "grid_save": false,
        "enable_pnginfo": true,
        "show_progress_every_n_steps": 1,
        "live_previews_enable": true,
        "eta_noise_seed_delta": 0,
        "upscaler_for_img2img": null,
        "interrogate_clip_dict_limit": 0,
    })))
}

/// Takes the model. Whatever else there is, is passed over: programs post the whole object back.
pub(crate) async fn change(State(api): State<Arc<Api>>, request: Request) -> Result<Json<Value>, Error> {
    let mut fields = Fields::read(&api, request).await?;
    let title = fields.text("sd_model_checkpoint");
    fields.finish()?;
    if let Some(title) = title {
        let model = model_of(&api, &title).await?;
        api.db.put_setting(SETTING, &model).await?;
    }
    Ok(Json(Value::Null))
}

/// Returns the model that a program has chosen for all that name none.
pub(super) async fn chosen_model(api: &Api) -> Result<Option<String>, Error> {
    Ok(api.db.find_setting::<String>(SETTING).await?)
}

/// Returns the model of this title: our id, with or without the ending and the hash that A1111 adds.
pub(super) async fn model_of(api: &Api, title: &str) -> Result<String, Error> {
    let bare = title.rsplit_once(" [").filter(|(_, hash)| hash.ends_with(']')).map_or(title, |(name, _)| name);
    let without = ENDINGS.iter().find_map(|ending| bare.strip_suffix(ending)).unwrap_or(bare);
    let models = api.models.list().await;
    let models = models.map_err(unreadable)?;
    let id = [title, bare, without].into_iter().find(|name| models.iter().any(|model| model.id == *name));
    let id = id.ok_or_else(|| {
        let detail =
            format!("there is no model {:?}; GET /sdapi/v1/sd-models lists those that there are", shortened(title));
        Error::new(ProblemCode::UnknownModel, detail).at("/sd_model_checkpoint")
    })?;
    api.models.choose(Some(id)).await.map(|chosen| chosen.id).map_err(unusable_model)
}
