//! How prompts for a picture model are written.

use crate::{
    capabilities::{PromptManner, prompt_manner},
    http::{Api, problem::Error, submission::unusable_model_at},
    models::{self, Chosen},
};

/// Returns how prompts for a model are written; without a name, for the one that jobs get which name none.
pub(super) async fn find_manner(api: &Api, model: Option<&str>) -> Result<PromptManner, Error> {
    let chosen = match api.models.choose(model).await {
        Ok(chosen) => chosen,
        // Whoever has no picture model yet may write prompts all the same.
        Err(models::Error::NoModel(_)) => Chosen::default(),
        Err(error) => return Err(unusable_model_at(error, "/for_model")),
    };
    Ok(prompt_manner(&chosen))
}
