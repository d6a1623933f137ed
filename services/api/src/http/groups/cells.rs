//! Exploring: a new group around one cell, and a cell that becomes a job of its own.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{RawPathParams, State},
    http::HeaderMap,
    response::Response,
};
use contract::{
    GroupId,
    group::{ExploreCell, GroupView, ParentCell},
    job::Job,
    problem::{Problem, ProblemCode},
    spec::JobSpec,
};
use serde_json::{Map, Value};

use super::{
    no_group,
    submission::{self, Wish, wrong},
};
use crate::{
    groups::explore,
    http::{
        Api,
        access::Caller,
        body::{read_json, read_optional_json},
        id::Id,
        json,
        problem::Error,
        submission::{idempotency_key, submit},
    },
    submit::Request,
};

/// Submits a new group around one cell: what is locked stays as it is there, the rest varies again.
///
/// Without `vary`, every axis of the group that is not locked varies: seeds anew, numbers within `spread` of the cell's own,
/// everything else through the same values. The new group names the cell as its `parent`.
#[utoipa::path(post, path = "/api/groups/{id}/explore", tag = "groups",
    params(
        ("id" = GroupId, Path, description = "Which group."),
        ("Idempotency-Key" = Option<String>, Header, max_length = 255, pattern = "^[!-~]+$",
            description = "A name of the client's for this request, so that it can be repeated safely."),
    ),
    request_body = ExploreCell,
    responses(
        (status = 202, description = "The new group.", body = GroupView, headers(("Location" = String))),
        (status = 429, description = "The queue has no room for all cells.", content_type = "application/problem+json",
            body = Problem, headers(("Retry-After" = u64))),
    ))]
pub(crate) async fn explore_cell(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Id(id): Id<GroupId>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let idempotency_key = idempotency_key(&headers)?;
    let body = read_json(&headers, body, api.config.max_body_bytes).await?;
    let wish: ExploreCell = api.schemas.read("ExploreCell", &body)?;
    let group = api.db.find_group(id).await?.ok_or_else(|| no_group(id))?;
    let Some(job) = api.db.find_cell(id, wish.cell).await? else {
        let detail =
            format!("the group has no cell {}; it has {}, counted from 0", wish.cell, group.progress.counts.cells);
        return Err(Error::invalid_field("/cell", detail));
    };
    let parent = Some(ParentCell { group_id: id, cell: wish.cell });
    let asked_for = wish.vary.len();
    let new = explore(&group, fields(&job.spec)?, wish).map_err(wrong)?;
    let own = new.axes.len() - asked_for;
    let wish = Wish { id: None, new, parent, owner: caller.owner, idempotency_key };
    submission::submit(&api, wish).await.map_err(|error| error.renamed(|pointer| name_in_wish(pointer, own)))
}

/// Says of an axis of the new group where it stands in the wish: the first ones are those of the group explored.
fn name_in_wish(pointer: &str, own: usize) -> String {
    let Some(rest) = pointer.strip_prefix("/axes/") else { return pointer.to_owned() };
    let (at, rest) = rest.split_once('/').unwrap_or((rest, ""));
    match at.parse::<usize>().ok().and_then(|at| at.checked_sub(own)) {
        Some(at) => format!("/vary/{at}/{rest}"),
        None => "/spread".to_owned(),
    }
}

/// Submits a cell as a job of its own, outside the group, with other values for some of its fields.
///
/// The body has the fields that change, as a JSON merge patch (RFC 7396): larger, with more steps, with a second pass.
#[utoipa::path(post, path = "/api/groups/{id}/cells/{index}/promote", tag = "groups",
    params(
        ("id" = GroupId, Path, description = "Which group."),
        ("index" = u32, Path, description = "Which of its cells, from 0."),
        ("Idempotency-Key" = Option<String>, Header, max_length = 255, pattern = "^[!-~]+$",
            description = "A name of the client's for this request, so that it can be repeated safely."),
        ("Prefer" = Option<String>, Header, example = "wait=60",
            description = "`wait=N`: wait up to N seconds, at most 300, for the end. `respond-async`: do not wait."),
    ),
    request_body(content = Object, description = "The fields that change; `{}` for none."),
    responses(
        (status = 200, description = "The job, which has ended.", body = Job, headers(("Location" = String))),
        (status = 202, description = "The job, which waits or runs.", body = Job, headers(("Location" = String))),
        (status = 429, description = "The queue is full.", content_type = "application/problem+json", body = Problem,
            headers(("Retry-After" = u64))),
    ))]
pub(crate) async fn promote_cell(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    path: RawPathParams,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let job = find_cell(&api, &path).await?;
    let idempotency_key = idempotency_key(&headers)?;
    let body = read_optional_json(&headers, body, api.config.max_body_bytes).await?;
    let changes = json::parse(&body).map_err(|error| Error::new(ProblemCode::MalformedRequest, error.detail))?;
    if !changes.is_object() {
        return Err(Error::invalid_field("", "the body must be an object with the fields that change"));
    }
    let mut spec = Value::Object(fields(&job.spec)?);
    merge(&mut spec, changes);
    let asked = api.schemas.read_job(&serde_json::to_vec(&spec).map_err(Error::internal)?)?;
    let request = Request { id: None, asked, priority: job.priority, owner: caller.owner, idempotency_key };
    submit(&api, request, &headers).await
}

async fn find_cell(api: &Api, path: &RawPathParams) -> Result<Job, Error> {
    let words: Vec<&str> = path.iter().map(|(_, word)| word).collect();
    let nothing = || Error::not_found("there is no such cell; GET /api/groups/{id} lists those of a group");
    let [group, index] = words.as_slice() else { return Err(nothing()) };
    let (Ok(group), Ok(index)) = (group.parse::<GroupId>(), index.parse::<u32>()) else { return Err(nothing()) };
    api.db.find_cell(group, index).await?.ok_or_else(nothing)
}

/// Returns the fields of a job, with its kind.
fn fields(spec: &JobSpec) -> Result<Map<String, Value>, Error> {
    match serde_json::to_value(spec).map_err(Error::internal)? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Error::internal(anyhow::anyhow!("a job is no object: this is a bug"))),
    }
}

/// Applies a JSON merge patch (RFC 7396).
fn merge(whole: &mut Value, changes: Value) {
    let Value::Object(changes) = changes else {
        *whole = changes;
        return;
    };
    if !whole.is_object() {
        *whole = Value::Object(Map::new());
    }
    let Value::Object(fields) = whole else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(&name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_promoted_cell_keeps_what_the_patch_does_not_name() {
        let mut spec = json!({ "prompt": "a mill", "hires": { "scale": 2, "steps": 5 }, "seed": 7 });
        merge(&mut spec, json!({ "hires": { "scale": 1.5, "steps": null }, "width": 1024 }));
        assert_eq!(spec, json!({ "prompt": "a mill", "hires": { "scale": 1.5 }, "seed": 7, "width": 1024 }));
    }

    #[test]
    fn a_wrong_axis_is_named_where_the_client_wrote_it() {
        assert_eq!(name_in_wish("/axes/1/values/0", 1), "/vary/0/values/0");
        assert_eq!(name_in_wish("/axes/0/around", 1), "/spread");
        assert_eq!(name_in_wish("/base/width", 1), "/base/width");
    }
}
