//! What a picture says about itself, and what it shows.

use std::sync::Arc;

use ::assets::metadata::{A1111_KEYWORD, find_recipe, names::sampler_name, read_texts};
use axum::{
    Json,
    extract::{Request, State},
};
use contract::spec::Painting;
use serde_json::{Map, Value, json};

use crate::http::{
    Api,
    compat::{fields::Fields, pictures::from_base64},
    problem::Error,
};

/// Returns the texts in a picture.
pub(crate) async fn png_info(State(api): State<Arc<Api>>, request: Request) -> Result<Json<Value>, Error> {
    let mut fields = Fields::read(&api, request).await?;
    let image = fields.text("image").unwrap_or_default();
    fields.finish()?;
    let picture = from_base64("image", &image)?;
    picture.size(&api)?;
    let texts = read_texts(&picture.bytes);
    let info = texts.iter().find(|text| text.keyword == A1111_KEYWORD).map_or("", |text| text.text.as_str());
    let items: Map<String, Value> = texts.iter().map(|text| (text.keyword.clone(), text.text.clone().into())).collect();
    let spec = find_recipe(&texts).spec;
    let parameters = spec.as_ref().and_then(|spec| spec.painting()).map(parameters).unwrap_or_else(|| json!({}));
    Ok(Json(json!({ "info": info, "items": items, "parameters": parameters })))
}

/// Returns how a picture was made, whoever made it, under the names of A1111.
fn parameters(painting: &Painting) -> Value {
    json!({
        "Prompt": painting.prompt,
        "Negative prompt": painting.negative_prompt,
        "Steps": painting.steps,
        "CFG scale": painting.cfg_scale,
        "Seed": painting.seed,
        "Sampler": painting.sampler.map(sampler_name),
        "Model": painting.model,
    })
}

/// There is no model here yet that tells what a picture shows.
pub(crate) async fn interrogate() -> Result<Json<Value>, Error> {
    let detail = "no model here describes pictures yet; png-info tells how a picture of this server was made";
    Err(Error::not_found(detail))
}
