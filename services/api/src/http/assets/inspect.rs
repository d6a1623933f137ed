//! Reads what a picture says about how it was made. Nothing is stored.

use std::{collections::BTreeMap, sync::Arc};

use ::assets::metadata::{Recipe, find_recipe, read_texts};
use axum::{
    Json,
    body::Bytes,
    extract::{Request, State},
};
use contract::{
    asset::{InspectAsset, Inspection},
    model::Model,
    problem::{Problem, ProblemCode},
    spec::JobSpec,
};

use super::upload::{UploadForm, decode, from_form, limits, read_body};
use crate::http::{
    Api,
    body::{is_json, media_type},
    models::unreadable,
    problem::Error,
};

/// How many models a note names.
const MOST_NEAR: usize = 3;
/// How alike a name must be to be called near, from 0 to 1.
const LEAST_LIKENESS: f64 = 0.75;

/// Reads how a picture was made, and returns a job that makes it again.
///
/// Pictures of Atelier, AUTOMATIC1111 and its kin, ComfyUI, InvokeAI and SwarmUI are known. What cannot be carried over
/// stands in `notes`. Nothing is stored.
#[utoipa::path(post, path = "/api/assets/inspect", tag = "assets",
    request_body(content((UploadForm = "multipart/form-data"), (InspectAsset = "application/json"))),
    responses(
        (status = 200, description = "What it says.", body = Inspection),
        (status = 422, description = "It is no picture that can be used, too large in pixels, or not there.",
            content_type = "application/problem+json", body = Problem),
    ))]
pub(crate) async fn inspect_asset(State(api): State<Arc<Api>>, request: Request) -> Result<Json<Inspection>, Error> {
    let bytes = if is_json(request.headers()) {
        from_json(&api, request).await?
    } else if media_type(request.headers()) == "multipart/form-data" {
        from_form(&api, request).await?
    } else {
        let detail = "send the picture as multipart/form-data with the field `file`, or as JSON: \
                      {\"data\":\"<base64>\"} or {\"asset_id\":\"<id>\"}";
        return Err(Error::new(ProblemCode::UnsupportedMediaType, detail));
    };
    let limits = limits(&api);
    let reading = tokio::task::spawn_blocking(move || {
        ::assets::picture::inspect(&bytes, &limits).map(|_| {
            let texts = read_texts(&bytes);
            (find_recipe(&texts), texts)
        })
    });
    let read = reading.await.map_err(Error::internal)?;
    let (recipe, texts) = read.map_err(|error| Error::invalid_field("/data", error.to_string()))?;
    let texts: BTreeMap<String, String> = texts.into_iter().map(|text| (text.keyword, text.text)).collect();
    let Recipe { source, spec, mut notes } = recipe;
    let spec = match spec {
        Some(spec) => Some(fit_in(&api, spec, &mut notes).await?),
        None => None,
    };
    Ok(Json(Inspection { source, spec, notes, texts }))
}

async fn from_json(api: &Api, request: Request) -> Result<Bytes, Error> {
    let body = read_body(api, request).await?;
    let wanted: InspectAsset = api.schemas.read("InspectAsset", &body)?;
    drop(body);
    match (wanted.data, wanted.asset_id) {
        (Some(data), None) => decode(api, &data),
        (None, Some(id)) => {
            let asset = api.db.find_asset(id).await?;
            let missing = || Error::invalid_field("/asset_id", format!("there is no file {id}"));
            Ok(api.assets.read(&asset.ok_or_else(missing)?.file.blake3).await?)
        }
        _ => Err(Error::invalid_field("", "send either data or asset_id")),
    }
}

/// Puts the names in a job in place of those that it has elsewhere, as far as they are here.
async fn fit_in(api: &Api, mut spec: JobSpec, notes: &mut Vec<String>) -> Result<JobSpec, Error> {
    if let Some(painting) = spec.painting_mut()
        && let Some(name) = painting.model.take()
    {
        let models = api.models.list().await;
        let models = models.map_err(unreadable)?;
        painting.model = find_model(&models, &name, notes);
    }
    for (pointer, id) in spec.inputs() {
        if api.db.find_asset(id).await?.is_none() {
            notes.push(format!("{pointer} is a file that is not here ({id}): upload it, and put its new id there"));
        }
    }
    Ok(spec)
}

/// Returns the model of this name: by its id, or by the name of its file alone.
fn find_model(models: &[Model], name: &str, notes: &mut Vec<String>) -> Option<String> {
    let usable = || models.iter().filter(|model| model.problem.is_none()).map(|model| model.id.as_str());
    let file = |id: &str| id.rsplit('/').next().unwrap_or(id).to_lowercase();
    let by_file = || usable().find(|id| file(id) == file(name));
    if let Some(id) = usable().find(|id| *id == name).or_else(by_file) {
        return Some(id.to_owned());
    }
    let wanted = file(name);
    let mut near: Vec<(f64, &str)> = usable().map(|id| (strsim::jaro_winkler(&wanted, &file(id)), id)).collect();
    near.retain(|(likeness, _)| *likeness >= LEAST_LIKENESS);
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near: Vec<&str> = near.into_iter().take(MOST_NEAR).map(|(_, id)| id).collect();
    let choose = if near.is_empty() { String::new() } else { format!(", for example {}", near.join(", ")) };
    let short: String = name.chars().take(80).collect();
    notes.push(format!("the model {short} is not here: choose another one{choose}"));
    None
}

#[cfg(test)]
mod tests {
    use contract::model::{Family, ModelFormat};

    use super::*;

    #[test]
    fn a_model_is_found_by_its_file_and_near_ones_are_named() {
        let models: Vec<Model> = ["sd/DreamShaper_8", "flux/klein"]
            .map(|id| Model {
                id: id.to_owned(),
                format: ModelFormat::Safetensors,
                size_bytes: 1,
                family: Family::Unknown,
                problem: None,
                fit: None,
            })
            .into();
        let find = |name: &str| {
            let mut notes = Vec::new();
            (find_model(&models, name, &mut notes), notes)
        };
        for name in ["sd/DreamShaper_8", "dreamshaper_8", "other/Dreamshaper_8"] {
            assert_eq!(find(name), (Some("sd/DreamShaper_8".to_owned()), vec![]));
        }
        let (found, notes) = find("dreamshaper_7");
        assert_eq!(found, None);
        assert!(notes[0].contains("for example sd/DreamShaper_8"), "{notes:?}");
    }
}
