//! Checks the fields of a form as if the job were submitted, as far as they are there.

use contract::{
    capabilities::{FieldType, fields as fields_of},
    problem::FieldError,
    spec::JobKind,
};
use serde_json::{Map, Value};

use crate::http::{Api, problem::Error, submission::refused};

/// Stands for the words of a prompt that nobody has written yet.
const NO_WORDS_YET: &str = "something";
/// So many mistakes are told at once.
const MOST_TOLD: usize = 5;

/// Returns what is wrong with the fields of a job. What it needs and nobody has set yet, a picture for example, is not wrong.
pub(super) async fn find_mistakes(
    api: &Api,
    kind: JobKind,
    mut fields: Map<String, Value>,
) -> Result<Vec<FieldError>, Error> {
    let needed = fields_of(kind).into_iter().filter(|field| field.is_required && field.kind == FieldType::Text);
    for field in needed {
        fields.entry(field.name).or_insert_with(|| NO_WORDS_YET.into());
    }
    let whole = Value::Object(fields.clone());
    let checked = match api.schemas.ask(kind, whole) {
        Ok(asked) => api.reception.check(asked).await.map_err(|error| refused(error, false)),
        Err(error) => Err(error),
    };
    let Err(error) = checked else { return Ok(Vec::new()) };
    let Some((_, wrong)) = error.fields() else { return Err(error) };
    let is_set = |pointer: &str| pointer.split('/').nth(1).is_none_or(|name| fields.contains_key(name));
    Ok(wrong.iter().filter(|wrong| is_set(&wrong.pointer)).cloned().collect())
}

/// Returns mistakes as a sentence for the model.
pub(super) fn in_words(wrong: &[FieldError]) -> String {
    let told = wrong.iter().take(MOST_TOLD).map(|wrong| wrong.detail.as_str());
    told.collect::<Vec<_>>().join("; ")
}
