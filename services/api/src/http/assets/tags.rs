//! What a picture shows, and how far the work on that is.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use contract::{AssetId, problem::Problem, tag::Tagging};

use crate::{
    db::TaggingRetry,
    http::{Api, id::Id, problem::Error},
};

/// Returns the tags of a picture, and how far its tagging is.
#[utoipa::path(get, path = "/api/assets/{id}/tags", tag = "assets",
    params(("id" = AssetId, Path, description = "Which file.")),
    responses((status = 200, description = "Its tags.", body = Tagging)))]
pub(crate) async fn load_tags(State(api): State<Arc<Api>>, Id(id): Id<AssetId>) -> Result<Json<Tagging>, Error> {
    api.db.find_tagging(id).await?.map(Json).ok_or_else(|| no_file(id))
}

/// Has a picture tagged again when nobody needs the machine, as if it were new: one that was set aside, or one that has tags.
///
/// The tags that it has stay until others come.
#[utoipa::path(post, path = "/api/assets/{id}/tags/retry", tag = "assets",
    params(("id" = AssetId, Path, description = "Which file.")),
    responses(
        (status = 202, description = "It waits.", body = Tagging),
        (status = 409, description = "It is no picture that a job made, or pictures are not tagged here.",
            content_type = "application/problem+json", body = Problem),
    ))]
pub(crate) async fn retry_tagging(
    State(api): State<Arc<Api>>,
    Id(id): Id<AssetId>,
) -> Result<(StatusCode, Json<Tagging>), Error> {
    if !api.config.auto_tagging {
        let detail = "pictures are not tagged by this server: set ATELIER_AUTO_TAGGING=true and start it again";
        return Err(Error::conflict(detail));
    }
    match api.db.retry_tagging(id).await? {
        TaggingRetry::Absent => Err(no_file(id)),
        TaggingRetry::NotTaggable => {
            Err(Error::conflict("only pictures that jobs made here are tagged, and no contact sheets"))
        }
        TaggingRetry::Waiting => Ok((StatusCode::ACCEPTED, load_tags(State(api), Id(id)).await?)),
    }
}

fn no_file(id: AssetId) -> Error {
    Error::not_found(format!("there is no file {id}"))
}
