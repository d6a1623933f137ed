//! The JSON schema of each kind of job: what the front door checks, and what forms and flags are drawn from.
//!
//! serde flattens what kinds have in common. utoipa writes that as `allOf`, which nothing satisfies once unknown fields are
//! refused; so the parts are laid together here into one object that refuses them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::{ContactSheet, ImageEdit, ImageToImage, Inpaint, JobKind, TextToImage, Upscale};

/// Where references to other schemas lead.
const COMPONENTS: &str = "#/components/schemas/";

/// Schemas by name.
pub type Components = BTreeMap<String, Value>;

/// Returns the name of the schema that holds the fields of a kind of job.
#[must_use]
pub fn name(kind: JobKind) -> &'static str {
    match kind {
        JobKind::TextToImage => "TextToImage",
        JobKind::ImageToImage => "ImageToImage",
        JobKind::Inpaint => "Inpaint",
        JobKind::ImageEdit => "ImageEdit",
        JobKind::Upscale => "Upscale",
        JobKind::ContactSheet => "ContactSheet",
    }
}

/// Returns the schema of the fields of a kind of job: one object, without `kind`, that refuses unknown fields.
/// What its references lead to stands in [`components`].
#[must_use]
pub fn fields(kind: JobKind) -> Value {
    let (whole, parts) = match kind {
        JobKind::TextToImage => of::<TextToImage>(),
        JobKind::ImageToImage => of::<ImageToImage>(),
        JobKind::Inpaint => of::<Inpaint>(),
        JobKind::ImageEdit => of::<ImageEdit>(),
        JobKind::Upscale => of::<Upscale>(),
        JobKind::ContactSheet => of::<ContactSheet>(),
    };
    let mut object = Map::from_iter([("type".to_owned(), json!("object"))]);
    if let Some(description) = whole.get("description") {
        object.insert("description".to_owned(), description.clone());
    }
    let (mut properties, mut required) = (Map::new(), Vec::new());
    lay_together(&whole, &parts, &mut properties, &mut required);
    if !required.is_empty() {
        object.insert("required".to_owned(), Value::Array(required));
    }
    object.insert("properties".to_owned(), Value::Object(properties));
    object.insert("additionalProperties".to_owned(), Value::Bool(false));
    Value::Object(object)
}

/// Returns every schema that the fields of jobs refer to.
#[must_use]
pub fn components() -> Components {
    let mut components = Components::new();
    for kind in JobKind::ALL {
        let (_, parts) = match kind {
            JobKind::TextToImage => of::<TextToImage>(),
            JobKind::ImageToImage => of::<ImageToImage>(),
            JobKind::Inpaint => of::<Inpaint>(),
            JobKind::ImageEdit => of::<ImageEdit>(),
            JobKind::Upscale => of::<Upscale>(),
            JobKind::ContactSheet => of::<ContactSheet>(),
        };
        components.extend(parts);
    }
    components
}

/// Returns the schema that a schema stands for: what its reference leads to, or itself.
#[must_use]
pub fn resolved<'a>(schema: &'a Value, components: &'a Components) -> &'a Value {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix(COMPONENTS));
    name.and_then(|name| components.get(name)).unwrap_or(schema)
}

/// Returns the schema of a type, and those that it refers to.
fn of<T: ToSchema + PartialSchema>() -> (Value, Components) {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    let parts = parts.into_iter().map(|(name, schema)| (name, as_json(&schema)));
    (as_json(&T::schema()), parts.collect())
}

fn as_json(schema: &RefOr<Schema>) -> Value {
    serde_json::to_value(schema).unwrap_or_default()
}

/// Adds the fields of a schema, and of those that are laid into it.
fn lay_together(schema: &Value, parts: &Components, properties: &mut Map<String, Value>, required: &mut Vec<Value>) {
    let schema = resolved(schema, parts);
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        lay_together(part, parts, properties, required);
    }
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        properties.insert(name.clone(), field.clone());
    }
    required.extend(schema.get("required").and_then(Value::as_array).into_iter().flatten().cloned());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kinds_have_in_common_is_among_their_fields() {
        for kind in [JobKind::TextToImage, JobKind::ImageToImage, JobKind::Inpaint, JobKind::ImageEdit] {
            let fields = fields(kind);
            for name in ["prompt", "steps", "loras", "format", "quality"] {
                assert!(fields["properties"].get(name).is_some(), "{} lacks {name}", kind.as_str());
            }
            assert!(fields.get("allOf").is_none());
            assert_eq!(fields["additionalProperties"], false);
            assert!(fields["required"].as_array().unwrap().contains(&json!("prompt")));
        }
        assert!(fields(JobKind::Upscale)["properties"].get("prompt").is_none());
    }

    #[test]
    fn every_reference_of_every_field_leads_somewhere() {
        let components = components();
        for kind in JobKind::ALL {
            for (name, field) in fields(*kind)["properties"].as_object().unwrap() {
                let text = field.to_string();
                for reference in text.split(COMPONENTS).skip(1) {
                    let target = reference.split('"').next().unwrap_or_default();
                    assert!(components.contains_key(target), "{name} refers to {target}");
                }
            }
        }
    }
}
