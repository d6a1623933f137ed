//! What can be set in a job: what forms are drawn from.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use contract::{
    capabilities::Capabilities,
    model::{AddOn, Model},
    spec::JobKind,
};

use super::{Api, models::unreadable, problem::Error, query::Query, submission::unusable_model_at};
use crate::{
    capabilities::{self, Names},
    models,
};

/// The longest id of a model.
const LONGEST_ID: usize = 200;

/// Says for each kind of job which fields it has, for one model: types, bounds, defaults, choices, help.
///
/// Requests are checked by the same description, and what they leave out is filled in from it.
#[utoipa::path(get, path = "/api/capabilities", tag = "models",
    params(
        ("model" = Option<String>, Query, max_length = 200, description = "Which model: without it, the one that jobs get which name none."),
        ("kind" = Option<Vec<JobKind>>, Query, description = "Only these kinds of job. Several, with commas or repeated."),
    ),
    responses((status = 200, description = "What the model can be asked for.", body = Capabilities)))]
pub(crate) async fn load_capabilities(
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Capabilities>, Error> {
    let mut query = Query::new(query.as_deref());
    let asked = query.short_text("model", LONGEST_ID);
    let known: Vec<(&str, JobKind)> = JobKind::ALL.iter().map(|kind| (kind.as_str(), *kind)).collect();
    let kinds = query.choices("kind", &known);
    query.finish()?;
    let kinds = if kinds.is_empty() { JobKind::ALL } else { &kinds };
    let model = match api.models.choose(asked.as_deref()).await {
        Ok(model) => Some(model),
        // A server without a model has fields all the same.
        Err(models::Error::NoModel(_)) => None,
        Err(error) => return Err(unusable_model_at(error, "model")),
    };
    let names = list_names(&api).await.map_err(unreadable)?;
    Ok(Json(capabilities::of(model, kinds, &names)))
}

pub(super) async fn list_names(api: &Api) -> Result<Names, models::Error> {
    let models = api.models.list().await?.into_iter();
    let of = |all: Vec<AddOn>| all.into_iter().filter(|one| one.problem.is_none()).map(|one| one.id).collect();
    Ok(Names {
        models: models.filter(|model: &Model| model.problem.is_none()).map(|model| model.id).collect(),
        loras: of(api.models.list_loras().await?),
        upscalers: of(api.models.list_upscalers().await?),
    })
}
