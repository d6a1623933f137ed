//! Stored files: upload, list, download.

pub(crate) mod download;
pub(crate) mod inspect;
mod range;
pub(crate) mod tags;
pub(crate) mod upload;

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use contract::{asset::Asset, page::Page};

use super::{Api, jobs::page, problem::Error, query::Query};
use crate::tagging::words::{MOST_CHARACTERS, normalised};

/// Lists stored files, newest first: those that jobs made and those that were uploaded.
#[utoipa::path(get, path = "/api/assets", tag = "assets",
    params(
        ("tag" = Option<String>, Query, max_length = 40, description = "Only pictures with this tag, whatever its case."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "How many rows: 50 without it."),
    ),
    responses((status = 200, description = "A page of files.", body = Page<Asset>)))]
pub(crate) async fn list_assets(
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<Asset>>, Error> {
    let mut query = Query::new(query.as_deref());
    let tag = query.short_text("tag", MOST_CHARACTERS);
    let (cursor, limit) = page(&mut query);
    query.finish()?;
    // What is no tag has no pictures.
    let tag = tag.map(|tag| normalised(&tag).unwrap_or(tag));
    Ok(Json(api.db.list_assets(tag.as_deref(), cursor, limit).await?))
}

impl From<::assets::Error> for Error {
    fn from(error: ::assets::Error) -> Self {
        use ::assets::Error as E;
        match error {
            E::NotFound(_) | E::Damaged(_) => {
                tracing::error!("a file that is on record is gone or damaged: {error}");
                Self::not_found(
                    "the bytes of this file are gone or damaged; restore them from a backup, or make it again",
                )
            }
            E::Picture { .. } => {
                Self::invalid_field("w", "this file has no thumbnail, because it cannot be shown as a picture")
            }
            E::Width(_) | E::Range { .. } | E::Name { .. } => Self::internal(error),
            error => Self::unavailable("the asset store", error),
        }
    }
}
