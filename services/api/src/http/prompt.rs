//! The prompt assistant: a language model writes prompts, finds styles, describes pictures and sets fields.
//!
//! The routes are alike: each reads its request, says what is to be done ([`instructions`]), with which material, of which form
//! the answer is, and which rules it keeps that no schema can hold. [`crate::assistant`] does the rest.

pub(crate) mod describe;
pub(crate) mod enhance;
pub(crate) mod fields;
mod form;
mod instructions;
mod manner;
pub(crate) mod style;
pub(crate) mod variations;
mod wording;

use axum::response::Response;
use contract::{AssetId, asset::AssetRef, problem::ProblemCode};
use serde::Serialize;

use super::{
    Api,
    llm::{models::unusable_llm, reply::read, whole::failed},
    problem::{Error, Occurrence},
    slow,
};
use crate::assistant;

/// Answers once the model has; until then the connection is kept alive.
async fn tell<T: Serialize>(
    occurrence: Occurrence,
    answer: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<Response, Error> {
    let told = async move { serde_json::to_value(answer.await?).map_err(Error::internal) };
    slow::answer(told, occurrence.late()).await
}

/// Returns the file of a picture that a request names.
async fn find_picture(api: &Api, pointer: &str, id: AssetId) -> Result<AssetRef, Error> {
    match api.db.find_asset(id).await?.map(|asset| asset.file) {
        Some(file) if file.media_type.starts_with("image/") => Ok(file),
        Some(file) => {
            let detail = format!("the asset {id} is {}, and no picture: name another one", file.media_type);
            Err(Error::invalid_field(pointer, detail))
        }
        None => {
            let detail = format!("there is no asset {id}: upload the picture with POST /api/assets first");
            Err(Error::invalid_field(pointer, detail))
        }
    }
}

/// Says why there is no answer.
fn refused(error: assistant::Error) -> Error {
    match error {
        assistant::Error::Model(source) => unusable_llm(source),
        assistant::Error::Setting { setting, source } => {
            let (_, why) = unusable_llm(source).into_words();
            let detail = format!("the setting {setting} cannot be used ({why}): change it, or name another model here");
            Error::new(ProblemCode::UnknownModel, detail).at("/model")
        }
        error @ assistant::Error::Unfit { .. } => {
            let detail = format!("{error}: choose another one (GET /api/llm/models)");
            Error::new(ProblemCode::UnknownModel, detail).at("/model")
        }
        assistant::Error::Text(error) => error.into(),
        assistant::Error::Failed(failure) => failed(&failure),
        error @ assistant::Error::Unusable { .. } => {
            let detail = format!("{error}; ask again, or ask another language model (GET /api/llm/models)");
            Error::new(ProblemCode::UnusableAnswer, detail)
        }
        error @ assistant::Error::Bug(_) => Error::internal(error),
    }
}
