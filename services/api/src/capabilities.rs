//! What can be set in a job, for the model that it names: the description of the schema, and what the family changes in it.

mod family;

use contract::{
    capabilities::{Capabilities, Field, KindCapabilities, describe, fields},
    model::Family,
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
    let (id, family) = model.map(|model| (model.id, model.family)).unzip();
    let family = family.unwrap_or_default();
    let model = id.as_deref().unwrap_or_default();
    let kinds = kinds.iter().map(|kind| of_kind(*kind, family, model, names)).collect();
    Capabilities { kinds, family, model: id }
}

/// Returns what a job of this kind has that does not say otherwise, where the model decides it.
pub(crate) fn defaults(kind: JobKind, family: Family, model: &str) -> Map<String, Value> {
    let known = fields(kind);
    let suits = family::suits(family, model);
    let is_known = |name: &str| known.iter().any(|field| field.name == name && field.default.is_some());
    suits.into_iter().filter(|(name, _)| is_known(name)).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn of_kind(kind: JobKind, family: Family, model: &str, names: &Names) -> KindCapabilities {
    let mut fields = fields(kind);
    let defaults = defaults(kind, family, model);
    for field in &mut fields {
        if let Some(value) = defaults.get(&field.name) {
            field.default = Some(value.clone());
        }
        if field.name == "model" && !model.is_empty() {
            field.default = Some(model.into());
        }
        field.has_effect = family::looks_at(family, &field.name);
        name_files(field, kind, names);
    }
    KindCapabilities { kind, help: describe(kind), problem: impossible(kind, family, model), fields }
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
