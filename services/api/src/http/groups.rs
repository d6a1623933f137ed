//! Groups: `POST /api/groups`, and what people do with a whole grid.

pub(crate) mod cells;
pub(crate) mod events;
mod submission;

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use contract::{
    GroupId,
    group::{Group, GroupView, NewGroup},
    page::Page,
    problem::Problem,
};

use super::{
    Api, access::Caller, body::read_json, id::Id, jobs::page, problem::Error, query::Query, submission::idempotency_key,
};
use submission::Wish;

/// Submits one job for every combination of values: a grid, a sweep, variations of a prompt.
///
/// Nothing is queued unless every cell could be a job of its own. The same `Idempotency-Key` with the same body finds the first
/// group again, for 24 hours.
#[utoipa::path(post, path = "/api/groups", tag = "groups",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255, pattern = "^[!-~]+$",
        description = "A name of the client's for this request, so that it can be repeated safely.")),
    request_body = NewGroup,
    responses(
        (status = 202, description = "The group, whose cells wait.", body = GroupView, headers(("Location" = String))),
        (status = 422, description = "An axis or a cell is wrong, or there are more than 400 cells.",
            content_type = "application/problem+json", body = Problem),
        (status = 429, description = "The queue has no room for all cells.", content_type = "application/problem+json",
            body = Problem, headers(("Retry-After" = u64))),
    ))]
pub(crate) async fn submit_group(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let idempotency_key = idempotency_key(&headers)?;
    let body = read_json(&headers, body, api.config.max_body_bytes).await?;
    let new: NewGroup = api.schemas.read("NewGroup", &body)?;
    submission::submit(&api, Wish { id: None, new, parent: None, owner: caller.owner, idempotency_key }).await
}

/// Submits a group under an id of the client's choice.
///
/// Repeating the same request changes nothing. Another group under the same id is refused.
#[utoipa::path(put, path = "/api/groups/{id}", tag = "groups",
    params(("id" = GroupId, Path, description = "The id: a UUID that the client makes.")),
    request_body = NewGroup,
    responses(
        (status = 202, description = "The group.", body = GroupView, headers(("Location" = String))),
        (status = 409, description = "Another group has this id.", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "The queue has no room for all cells.", content_type = "application/problem+json",
            body = Problem, headers(("Retry-After" = u64))),
    ))]
pub(crate) async fn put_group(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Id(id): Id<GroupId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let body = read_json(&headers, body, api.config.max_body_bytes).await?;
    let new: NewGroup = api.schemas.read("NewGroup", &body)?;
    let wish = Wish { id: Some(id), new, parent: None, owner: caller.owner, idempotency_key: None };
    submission::submit(&api, wish).await
}

/// Lists groups, newest first.
#[utoipa::path(get, path = "/api/groups", tag = "groups",
    params(
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "How many rows: 50 without it."),
    ),
    responses((status = 200, description = "A page of groups.", body = Page<Group>)))]
pub(crate) async fn list_groups(
    State(api): State<Arc<Api>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<Group>>, Error> {
    let mut query = Query::new(query.as_deref());
    let (cursor, limit) = page(&mut query);
    query.finish()?;
    Ok(Json(api.db.list_groups(cursor, limit).await?))
}

/// Returns a group with its cells and its contact sheet.
#[utoipa::path(get, path = "/api/groups/{id}", tag = "groups",
    params(("id" = GroupId, Path, description = "Which group.")),
    responses((status = 200, description = "The group.", body = GroupView)))]
pub(crate) async fn load_group(State(api): State<Arc<Api>>, Id(id): Id<GroupId>) -> Result<Json<GroupView>, Error> {
    view(&api, id).await.map(Json)
}

/// Cancels a group: all of its cells as one, and its contact sheet.
#[utoipa::path(delete, path = "/api/groups/{id}", tag = "groups",
    params(("id" = GroupId, Path, description = "Which group.")),
    responses(
        (status = 200, description = "The group, all of whose cells have ended.", body = GroupView),
        (status = 202, description = "The group, whose running cells will end soon.", body = GroupView),
        (status = 409, description = "It has ended.", content_type = "application/problem+json", body = Problem),
    ))]
pub(crate) async fn cancel_group(State(api): State<Arc<Api>>, Id(id): Id<GroupId>) -> Result<Response, Error> {
    let before = api.db.find_group(id).await?.ok_or_else(|| no_group(id))?;
    let cancelled = api.dispatch.cancel_group(id).await?;
    if cancelled.ended.is_empty() && cancelled.requested.is_empty() && !before.cancel_requested {
        return Err(Error::conflict("the group has ended already: none of its jobs waits or runs"));
    }
    let status = if cancelled.requested.is_empty() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(view(&api, id).await?)).into_response())
}

/// Gives every cell that failed, died or was cancelled another try. When they have ended there is a new contact sheet.
#[utoipa::path(post, path = "/api/groups/{id}/retry", tag = "groups",
    params(("id" = GroupId, Path, description = "Which group.")),
    responses(
        (status = 202, description = "The group, whose cells wait again.", body = GroupView, headers(("Location" = String))),
        (status = 409, description = "No cell has failed.", content_type = "application/problem+json", body = Problem),
    ))]
pub(crate) async fn retry_group(State(api): State<Arc<Api>>, Id(id): Id<GroupId>) -> Result<Response, Error> {
    api.db.find_group(id).await?.ok_or_else(|| no_group(id))?;
    if api.dispatch.retry_group(id).await?.is_empty() {
        return Err(Error::conflict("no cell of the group has failed, died or been cancelled"));
    }
    accepted(&api, id).await
}

/// Answers that a group is taken in.
async fn accepted(api: &Api, id: GroupId) -> Result<Response, Error> {
    let view = view(api, id).await?;
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, format!("/api/groups/{id}"))], Json(view)).into_response())
}

async fn view(api: &Api, id: GroupId) -> Result<GroupView, Error> {
    api.live.view_group(id).await?.ok_or_else(|| no_group(id))
}

fn no_group(id: GroupId) -> Error {
    Error::not_found(format!("there is no group {id}"))
}
