//! Reads the fields of a kind of job out of its schema.

use serde_json::Value;

use super::{Field, FieldType};
use crate::spec::{
    JobKind,
    schema::{self, Components},
};

/// Fields that count pixels.
const IN_PIXELS: &[&str] = &["width", "height", "cell_px", "mask_blur", "left", "top", "right", "bottom"];
/// Fields whose choices are files of the server: the schema knows them as texts.
const NAMES_OF_FILES: &[&str] = &["model", "upscaler", "name"];

/// Returns what a job of this kind makes.
#[must_use]
pub fn describe(kind: JobKind) -> String {
    text(&schema::fields(kind), "description")
}

/// Returns the fields of a kind of job, in the order of the schema, what must be there first.
#[must_use]
pub fn fields(kind: JobKind) -> Vec<Field> {
    fields_of(&schema::fields(kind), &schema::components())
}

fn fields_of(object: &Value, components: &Components) -> Vec<Field> {
    let required: Vec<&str> =
        object.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = object.get("properties").and_then(Value::as_object).into_iter().flatten();
    let mut fields: Vec<Field> = properties
        .map(|(name, property)| Field {
            is_required: required.contains(&name.as_str()),
            ..field(name, property, components)
        })
        .collect();
    fields.sort_by_key(|field| !field.is_required);
    fields
}

fn field(name: &str, property: &Value, components: &Components) -> Field {
    // What stands beside a reference belongs to the field; what it leads to, to the type.
    let own = not_null(property);
    let rule = schema::resolved(own, components);
    let items = rule.get("items").map(|items| (not_null(items), schema::resolved(not_null(items), components)));
    let kind = match rule.get("type").map(plain_type).unwrap_or_default() {
        _ if is_picture(own) => FieldType::Picture,
        "array" => match items {
            Some((item, _)) if is_picture(item) => FieldType::Pictures,
            Some((_, item)) if item.get("type").is_some_and(|kind| plain_type(kind) == "object") => FieldType::Loras,
            Some((_, item)) if item.get("type").is_some_and(|kind| plain_type(kind) == "integer") => {
                FieldType::WholeNumbers
            }
            _ => FieldType::Texts,
        },
        "integer" => FieldType::WholeNumber,
        "number" => FieldType::Number,
        "boolean" => FieldType::Flag,
        "object" => FieldType::Object,
        _ if rule.get("enum").is_some() || NAMES_OF_FILES.contains(&name) => FieldType::Choice,
        _ => FieldType::Text,
    };
    let inner = match (kind, items) {
        (FieldType::Object, _) => fields_of(rule, components),
        (FieldType::Loras, Some((_, item))) => fields_of(item, components),
        _ => Vec::new(),
    };
    let help = [property, own, rule].iter().map(|place| text(place, "description")).find(|text| !text.is_empty());
    let options = rule.get("enum").and_then(Value::as_array).into_iter().flatten();
    Field {
        name: name.to_owned(),
        kind,
        help: help.unwrap_or_default(),
        is_required: false,
        has_effect: true,
        minimum: rule.get("minimum").and_then(Value::as_f64),
        maximum: rule.get("maximum").and_then(Value::as_f64),
        step: rule.get("multipleOf").and_then(Value::as_f64),
        min_length: count(rule, "minLength"),
        max_length: count(rule, "maxLength"),
        min_items: count(rule, "minItems"),
        max_items: count(rule, "maxItems"),
        unit: IN_PIXELS.contains(&name).then(|| "px".to_owned()),
        default: [property, own].iter().find_map(|place| place.get("default")).cloned(),
        choices: options.filter_map(Value::as_str).map(str::to_owned).collect(),
        fields: inner,
    }
}

fn is_picture(schema: &Value) -> bool {
    schema.get("$ref").and_then(Value::as_str).is_some_and(|path| path.ends_with("/AssetId"))
}

/// Returns the rule of a value that may be null.
fn not_null(schema: &Value) -> &Value {
    let branches = schema.get("oneOf").and_then(Value::as_array);
    let branch = branches.and_then(|all| all.iter().find(|one| one.get("type").is_none_or(|kind| kind != "null")));
    branch.unwrap_or(schema)
}

/// Returns the name of a type that may be null.
fn plain_type(kind: &Value) -> &str {
    match kind {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or_default(),
        name => name.as_str().unwrap_or_default(),
    }
}

fn text(schema: &Value, key: &str) -> String {
    schema.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn count(schema: &Value, key: &str) -> Option<u32> {
    schema.get(key).and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(kind: JobKind, path: &str) -> Field {
        let mut fields = fields(kind);
        let mut names = path.split('.').peekable();
        loop {
            let name = names.next().unwrap();
            let field = fields.into_iter().find(|field| field.name == name).unwrap();
            if names.peek().is_none() {
                return field;
            }
            fields = field.fields;
        }
    }

    #[test]
    fn a_field_has_the_bounds_and_the_words_of_its_schema() {
        let width = found(JobKind::TextToImage, "width");
        assert_eq!((width.kind, width.unit.as_deref()), (FieldType::WholeNumber, Some("px")));
        assert_eq!((width.minimum, width.maximum, width.step), (Some(64.0), Some(4096.0), Some(16.0)));
        assert_eq!((width.default, width.help.as_str()), (Some(json!(512)), "Width in pixels."));
        let prompt = found(JobKind::Inpaint, "prompt");
        assert!(prompt.is_required && prompt.kind == FieldType::Text && prompt.max_length == Some(10_000));
    }

    #[test]
    fn every_type_of_field_is_told_from_the_others() {
        for (kind, path, expected) in [
            (JobKind::TextToImage, "model", FieldType::Choice),
            (JobKind::TextToImage, "sampler", FieldType::Choice),
            (JobKind::TextToImage, "cfg_scale", FieldType::Number),
            (JobKind::TextToImage, "vae_tiling", FieldType::Flag),
            (JobKind::TextToImage, "loras", FieldType::Loras),
            (JobKind::TextToImage, "loras.name", FieldType::Choice),
            (JobKind::TextToImage, "loras.weight", FieldType::Number),
            (JobKind::TextToImage, "hires", FieldType::Object),
            (JobKind::TextToImage, "hires.upscaler", FieldType::Choice),
            (JobKind::TextToImage, "skip_layer_guidance.layers", FieldType::WholeNumbers),
            (JobKind::Inpaint, "image", FieldType::Picture),
            (JobKind::Inpaint, "mask", FieldType::Picture),
            (JobKind::Inpaint, "extend.left", FieldType::WholeNumber),
            (JobKind::ImageEdit, "images", FieldType::Pictures),
            (JobKind::ContactSheet, "cells", FieldType::Pictures),
            (JobKind::ContactSheet, "row_labels", FieldType::Texts),
        ] {
            assert_eq!(found(kind, path).kind, expected, "{path}");
        }
    }

    #[test]
    fn every_field_of_every_kind_says_what_it_does() {
        for kind in JobKind::ALL {
            assert!(!describe(*kind).is_empty());
            for field in fields(*kind) {
                for field in field.fields.iter().chain([&field]) {
                    assert!(!field.help.is_empty(), "{} {}", kind.as_str(), field.name);
                }
            }
        }
    }
}
