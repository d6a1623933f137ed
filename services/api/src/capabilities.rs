//! What can be set in a job, for the model that it names: the description of the schema, and what the family changes in it.

mod family;

use contract::{
    capabilities::{Capabilities, Field, FieldType, KindCapabilities, describe, fields},
    spec::{Hires, JobKind},
};
use serde_json::{Map, Value};

pub(crate) use family::impossible;

use crate::models::Chosen;

/// The names of files that fields may have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub(crate) models: Vec<String>,
    pub(crate) loras: Vec<String>,
    pub(crate) upscalers: Vec<String>,
}

/// Returns what a model can be asked for; without a model, what any can.
pub(crate) fn of(model: Option<Chosen>, kinds: &[JobKind], names: &Names) -> Capabilities {
    let id = model.as_ref().map(|model| model.id.clone());
    let model = model.unwrap_or_default();
    let kinds = kinds.iter().map(|kind| of_kind(*kind, &model, names)).collect();
    Capabilities { kinds, family: model.family, model: id }
}

/// Returns what a job of this kind has that does not say otherwise, where the model decides it.
///
/// The model's own word counts more than its family. What is no value of a field is passed over.
pub(crate) fn defaults(kind: JobKind, model: &Chosen) -> Map<String, Value> {
    let known = fields(kind);
    let of_family = family::suits(model.family, &model.id).into_iter().map(|(name, value)| (name.to_owned(), value));
    let own = model.defaults.iter().map(|(name, value)| (name.clone(), value.clone()));
    let fits = |name: &str, value: &Value| known.iter().any(|field| field.name == name && fits(field, value));
    of_family.chain(own).filter(|(name, value)| fits(name, value)).collect()
}

/// How prompts for a model are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PromptManner {
    /// Whether it was taught with tags, and not with sentences.
    pub(crate) has_tags: bool,
    /// Whether it looks at a negative prompt.
    pub(crate) has_negative: bool,
}

/// Returns how prompts for a model are written. A negative prompt is what guidance leads away from: without guidance nobody
/// looks at it.
pub(crate) fn prompt_manner(model: &Chosen) -> PromptManner {
    let guidance = defaults(JobKind::TextToImage, model).get("cfg_scale").and_then(Value::as_f64);
    PromptManner { has_tags: family::reads_tags(model.family), has_negative: guidance.is_none_or(|scale| scale > 1.0) }
}

/// Returns whether a model may say this of a field. Where a field has no default, the pictures of the job decide, or the engine;
/// of these only choices are the model's.
fn fits(field: &Field, value: &Value) -> bool {
    match field.kind {
        FieldType::WholeNumber | FieldType::Number if field.default.is_some() => {
            let is_right = field.kind == FieldType::Number || value.is_u64();
            let number = value.as_f64().filter(|_| is_right).unwrap_or(f64::NAN);
            let least = field.minimum.unwrap_or(f64::NEG_INFINITY);
            let most = field.maximum.unwrap_or(f64::INFINITY);
            (least..=most).contains(&number) && field.step.is_none_or(|step| number % step == 0.0)
        }
        FieldType::Flag if field.default.is_some() => value.is_boolean(),
        FieldType::Choice => value.as_str().is_some_and(|text| field.choices.iter().any(|choice| choice == text)),
        _ => false,
    }
}

fn of_kind(kind: JobKind, model: &Chosen, names: &Names) -> KindCapabilities {
    let mut fields = fields(kind);
    let defaults = defaults(kind, model);
    for field in &mut fields {
        if let Some(value) = defaults.get(&field.name) {
            field.default = Some(value.clone());
        }
        if field.name == "model" && !model.id.is_empty() {
            field.default = Some(model.id.as_str().into());
        }
        field.has_effect = family::looks_at(model.family, &field.name);
        name_files(field, kind, names);
    }
    KindCapabilities { kind, help: describe(kind), problem: impossible(kind, model.family, &model.id), fields }
}

/// Adds the names of files to the fields that take them.
fn name_files(field: &mut Field, kind: JobKind, names: &Names) {
    match field.name.as_str() {
        "model" => field.choices.clone_from(&names.models),
        "upscaler" if kind == JobKind::Upscale => field.choices.clone_from(&names.upscalers),
        "loras" => {
            let name = field.fields.iter_mut().find(|field| field.name == "name");
            name.into_iter().for_each(|name| name.choices.clone_from(&names.loras));
        }
        "hires" => {
            let upscaler = field.fields.iter_mut().find(|field| field.name == "upscaler");
            let built_in = Hires::BUILT_IN.iter().map(|name| (*name).to_owned());
            let all = built_in.chain(names.upscalers.iter().cloned()).collect::<Vec<_>>();
            upscaler.into_iter().for_each(|upscaler| upscaler.choices.clone_from(&all));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use contract::model::Family;
    use serde_json::json;

    use super::*;

    fn said(kind: JobKind, defaults: Value) -> Value {
        let Value::Object(defaults) = defaults else { panic!("{defaults}") };
        Value::Object(super::defaults(kind, &Chosen { id: "x".to_owned(), family: Family::Unknown, defaults }))
    }

    #[test]
    fn the_own_word_of_a_model_counts_where_it_is_a_value_of_a_field() {
        let right = json!({ "width": 256, "steps": 4, "cfg_scale": 1, "sampler": "euler", "vae_tiling": true });
        let found = said(JobKind::TextToImage, right.clone());
        for name in ["width", "steps", "cfg_scale", "sampler"] {
            assert_eq!(found[name], right[name], "{name}");
        }
        let wrong =
            json!({ "width": 250, "height": 1 << 20, "steps": 2.5, "cfg_scale": "1", "sampler": "x", "colour": 1 });
        assert_eq!(said(JobKind::TextToImage, wrong), json!({}));
        // The picture decides how large another of it is.
        assert_eq!(said(JobKind::ImageToImage, json!({ "width": 256, "steps": 4 })), json!({ "steps": 4 }));
    }

    #[test]
    fn prompts_are_tags_where_clip_reads_them_and_have_a_negative_where_there_is_guidance() {
        let manner = |family, id: &str| {
            let manner = prompt_manner(&Chosen { id: id.to_owned(), family, defaults: Map::new() });
            (manner.has_tags, manner.has_negative)
        };
        assert_eq!(manner(Family::Sdxl, "juggernaut"), (true, true));
        assert_eq!(manner(Family::Sdxl, "juggernaut-lightning"), (true, false));
        assert_eq!(manner(Family::Flux, "flux1-dev"), (false, false));
        assert_eq!(manner(Family::QwenImage, "qwen-image"), (false, true));
        assert_eq!(manner(Family::Unknown, "x"), (false, true));
    }

    #[test]
    fn the_own_word_of_a_model_counts_more_than_its_family() {
        let defaults = Map::from_iter([("width".to_owned(), json!(256))]);
        let model = Chosen { id: "x".to_owned(), family: Family::Sdxl, defaults };
        let found = super::defaults(JobKind::TextToImage, &model);
        assert_eq!((&found["width"], &found["height"]), (&json!(256), &json!(1024)));
    }
}
