//! `POST /api/prompt/fields`: the fields of a job, set as somebody says it.

mod changes;
mod check;

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::HeaderMap, response::Response};
use contract::{
    job::Priority,
    prompt::{ChangedFields, SetFields},
    spec::JobKind,
};
use serde_json::{Map, Value, json};

use self::changes::Changes;
use super::{instructions, read, refused, tell, wording::tidied};
use crate::{
    assistant::{Question, Role},
    capabilities,
    http::{
        Api,
        access::Caller,
        capabilities::list_names,
        models::unreadable,
        problem::{Error, Occurrence},
        submission::unusable_model_at,
    },
    models,
};

/// Sets the fields of a job as somebody says it: "wider, and slower but better".
///
/// Fields and bounds are those of `GET /api/capabilities`. What comes back was checked as a job is that somebody submits.
#[utoipa::path(post, path = "/api/prompt/fields", tag = "prompts", request_body = SetFields,
    responses((status = 200, description = "What changes.", body = ChangedFields)))]
pub(crate) async fn set_fields(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Extension(occurrence): Extension<Occurrence>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let wanted = read(&api, &headers, body, "SetFields").await?;
    tell(occurrence, set(api, caller, wanted)).await
}

async fn set(api: Arc<Api>, caller: Caller, wanted: SetFields) -> Result<ChangedFields, Error> {
    let SetFields { kind, fields, instruction, model } = wanted;
    let form = load_form(&api, kind, &fields).await?;
    let wrong = check::find_mistakes(&api, kind, fields.clone()).await?;
    if !wrong.is_empty() {
        return Err(Error::invalid(wrong, Vec::new()).renamed(|pointer| format!("/fields{pointer}")));
    }
    let present = changes::present(&form, &fields);
    let question = Question {
        role: Role::Assistant,
        model,
        instruction: instructions::fields(),
        material: json!({ "fields": present, "wish": instruction }),
        pictures: Vec::new(),
        schema: changes::schema(&form),
        priority: Priority::Interactive,
        owner: caller.owner,
    };
    let mut exchange = api.assistant.open(question).await.map_err(refused)?;
    loop {
        let Changes { mut changes, explanation } = exchange.answer().await.map_err(refused)?;
        changes.retain(|name, value| present.get(name) != Some(value));
        let mut whole = fields.clone();
        whole.extend(changes.clone());
        let wrong = check::find_mistakes(&api, kind, whole).await?;
        if wrong.is_empty() {
            let explanation = tidied(&explanation, changes::MOST_EXPLANATION);
            let answered = exchange.close((changes, explanation));
            let (changes, explanation) = answered.answer;
            return Ok(ChangedFields { changes, explanation, model: answered.model, usage: answered.usage });
        }
        exchange.object(check::in_words(&wrong)).map_err(refused)?;
    }
}

/// Returns what can be set, for the model that the form names.
async fn load_form(
    api: &Api,
    kind: JobKind,
    fields: &Map<String, Value>,
) -> Result<Vec<contract::capabilities::Field>, Error> {
    let model = match api.models.choose(fields.get("model").and_then(Value::as_str)).await {
        Ok(model) => Some(model),
        Err(models::Error::NoModel(_)) => None,
        Err(error) => return Err(unusable_model_at(error, "/fields/model")),
    };
    let names = list_names(api).await.map_err(unreadable)?;
    let kinds = capabilities::of(model, &[kind], &names).kinds;
    Ok(kinds.into_iter().flat_map(|kind| kind.fields).collect())
}
