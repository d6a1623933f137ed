//! API keys: list, make, revoke. For administrators only.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use contract::{
    KeyId,
    key::{ApiKey, CreatedKey, NewKey, Scope},
    page::Page,
    problem::Problem,
};

use super::{Api, body::read_json, id::Id, jobs::whole, problem::Error};
use crate::keys;

/// Lists the keys, oldest first. Their secrets are not on record.
#[utoipa::path(get, path = "/api/keys", tag = "keys",
    responses((status = 200, description = "All of them.", body = Page<ApiKey>)))]
pub(crate) async fn list_keys(State(api): State<Arc<Api>>) -> Result<Json<Page<ApiKey>>, Error> {
    Ok(Json(whole(api.db.list_keys().await?)))
}

/// Makes a key. The answer is the only time that its secret is shown.
///
/// On a server without keys, the first must be an admin key: from then on every request needs one.
#[utoipa::path(post, path = "/api/keys", tag = "keys", request_body = NewKey,
    responses(
        (status = 201, description = "The key and its secret.", body = CreatedKey),
        (status = 422, description = "A field is wrong, or the first key is no admin key.",
            content_type = "application/problem+json", body = Problem),
    ))]
pub(crate) async fn create_key(State(api): State<Arc<Api>>, headers: HeaderMap, body: Body) -> Result<Response, Error> {
    let body = read_json(&headers, body, api.config.max_body_bytes).await?;
    let new: NewKey = api.schemas.read("NewKey", &body)?;
    if new.scope != Scope::Admin && api.config.api_key.is_empty() && api.db.count_keys().await? == 0 {
        let detail = "the first key must be an admin key, because from then on every request needs a key";
        return Err(Error::invalid_field("/scope", detail).fix("scope", "admin"));
    }
    let created = keys::create_key(&api.db, new, api.clock.now()).await.map_err(|error| match error.downcast() {
        Ok(error) => <Error as From<crate::db::Error>>::from(error),
        Err(error) => Error::internal(error),
    })?;
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

/// Revokes a key. It stops working at once.
#[utoipa::path(delete, path = "/api/keys/{id}", tag = "keys",
    params(("id" = KeyId, Path, description = "Which key.")),
    responses((status = 204, description = "It is revoked.")))]
pub(crate) async fn delete_key(State(api): State<Arc<Api>>, Id(id): Id<KeyId>) -> Result<StatusCode, Error> {
    if api.db.delete_key(id).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::not_found(format!("there is no key {id}")))
}
