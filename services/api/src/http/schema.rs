//! Checks bodies against the schemas of the API document, so that what is documented is what is enforced.

mod nearest;
pub(crate) mod pictures;
mod words;

use std::collections::HashMap;

use anyhow::Context as _;
use contract::{
    problem::{FieldError, ProblemCode},
    spec::{JobKind, JobSpec, schema::name as schema_of},
};
use jsonschema::Validator;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

pub(crate) use nearest::nearest;

use super::{json, problem::Error};
use crate::submit::Asked;

/// The compiled schemas of every body that a route takes.
pub(crate) struct Schemas(HashMap<String, Schema>);

struct Schema {
    validator: Validator,
    /// The schema without references, to look bounds up.
    rules: Value,
}

impl Schemas {
    /// Compiles the schemas of these names out of the API document.
    pub(crate) fn compile<'a>(document: &Value, names: impl IntoIterator<Item = &'a str>) -> anyhow::Result<Self> {
        let compile = |name: &'a str| {
            let root = with_references(document, name);
            let doing = || format!("could not compile the schema {name} of the API document: this is a bug");
            let mut rules = jsonschema::dereference(&root).with_context(doing)?;
            if let Some(rules) = rules.as_object_mut() {
                rules.remove("components");
            }
            let validator = jsonschema::validator_for(&root).map_err(|error| error.to_owned()).with_context(doing)?;
            Ok((name.to_owned(), Schema { validator, rules }))
        };
        names.into_iter().map(compile).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Reads a body of this type; a problem names everything that is wrong with it at once.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str, body: &[u8]) -> Result<T, Error> {
        let value = parse(body)?;
        typed(self.check(name, value, Vec::new())?)
    }

    /// Reads a whole job, whose `kind` decides which other fields there are.
    pub(crate) fn read_job(&self, body: &[u8]) -> Result<Asked, Error> {
        let mut value = parse(body)?;
        let kinds = JobKind::ALL.iter().map(|kind| kind.as_str());
        let listed = kinds.clone().collect::<Vec<_>>().join(", ");
        let Some(fields) = value.as_object_mut() else {
            return Err(Error::invalid_field("", "the body must be an object"));
        };
        let Some(kind) = fields.remove("kind") else {
            return Err(Error::invalid_field("/kind", format!("kind is required: one of {listed}")));
        };
        let word = kind.as_str().unwrap_or_default();
        let Ok(kind) = word.parse() else {
            let error = Error::invalid_field("/kind", format!("kind must be one of {listed}"));
            return Err(match nearest(word, kinds) {
                Some(near) => error.fix("kind", near),
                None => error,
            });
        };
        self.ask(kind, value)
    }

    /// Reads the fields of a job of this kind.
    pub(crate) fn read_spec(&self, kind: JobKind, body: &[u8]) -> Result<Asked, Error> {
        let value = parse(body)?;
        self.ask(kind, value)
    }

    /// Checks the fields of a job of this kind. Pictures among them, as `data:` URLs, are taken out.
    pub(crate) fn ask(&self, kind: JobKind, mut fields: Value) -> Result<Asked, Error> {
        let (pictures, errors) = pictures::take_out(&mut fields);
        let name = schema_of(kind);
        let fields = self.check(name, fields, errors)?;
        let written = fields.as_object().cloned().unwrap_or_default();
        let spec = match kind {
            JobKind::TextToImage => typed(fields).map(JobSpec::TextToImage),
            JobKind::ImageToImage => typed(fields).map(JobSpec::ImageToImage),
            JobKind::Inpaint => typed(fields).map(JobSpec::Inpaint),
            JobKind::ImageEdit => typed(fields).map(JobSpec::ImageEdit),
            JobKind::Upscale => typed(fields).map(JobSpec::Upscale),
            JobKind::ContactSheet => typed(fields).map(JobSpec::ContactSheet),
        }?;
        Ok(Asked { spec, written: Some(written), pictures })
    }

    /// Checks a value; what is wrong beyond its schema is named together with what the schema finds.
    fn check(&self, name: &str, mut value: Value, mut errors: Vec<FieldError>) -> Result<Value, Error> {
        let Some(schema) = self.0.get(name) else {
            return Err(Error::internal(anyhow::anyhow!("there is no schema {name}: this is a bug")));
        };
        find_nul("", &value, &mut errors);
        let (wrong, fix) = words::explain(&schema.rules, schema.validator.iter_errors(&value));
        errors.extend(wrong);
        if !errors.is_empty() {
            return Err(Error::invalid(errors, fix));
        }
        json::unify_numbers(&mut value);
        Ok(value)
    }
}

/// Returns a schema of the document with those that it refers to and no others: what is compiled is kept whole, and the
/// document is large.
fn with_references(document: &Value, name: &str) -> Value {
    const PLACE: &str = "#/components/schemas/";
    fn find<'a>(value: &'a Value, names: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) => {
                names.extend(map.get("$ref").and_then(Value::as_str).and_then(|place| place.strip_prefix(PLACE)));
                map.values().for_each(|value| find(value, names));
            }
            Value::Array(list) => list.iter().for_each(|value| find(value, names)),
            _ => {}
        }
    }
    let all = &document["components"]["schemas"];
    let mut needed = Map::new();
    let mut names = vec![name];
    while let Some(name) = names.pop() {
        if !needed.contains_key(name) {
            find(&all[name], &mut names);
            needed.insert(name.to_owned(), all[name].clone());
        }
    }
    json!({ "$ref": format!("{PLACE}{name}"), "components": { "schemas": needed } })
}

/// Reads the JSON of a body.
fn parse(body: &[u8]) -> Result<Value, Error> {
    json::parse(body).map_err(|json::Malformed { pointer, detail }| {
        let error = Error::new(ProblemCode::MalformedRequest, detail);
        if pointer.is_empty() { error } else { error.at(&pointer) }
    })
}

fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = error.path().iter().map(|segment| format!("/{segment}")).collect::<String>();
        Error::invalid_field(pointer, error.inner().to_string())
    })
}

/// Finds texts with the one character that JSON can say and PostgreSQL cannot hold.
fn find_nul(place: &str, value: &Value, errors: &mut Vec<FieldError>) {
    if errors.len() >= words::MOST_ERRORS {
        return;
    }
    match value {
        Value::String(text) if text.contains('\0') => {
            let name = place.rsplit('/').next().unwrap_or_default();
            let detail = format!("{name} must not contain the character U+0000");
            errors.push(FieldError { pointer: place.to_owned(), detail });
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(at, value)| find_nul(&format!("{place}/{at}"), value, errors));
        }
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| find_nul(&words::pointer(place, name), value, errors));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::with_references;
    use crate::http::document::DOCUMENT;

    #[test]
    fn a_schema_comes_with_what_it_refers_to_and_nothing_else() {
        let root = with_references(&DOCUMENT, "NewGroup");
        let kept = root["components"]["schemas"].as_object().unwrap();
        for name in ["NewGroup", "Axis", "Priority"] {
            assert_eq!(kept[name], DOCUMENT["components"]["schemas"][name], "{name}");
        }
        assert!(!kept.contains_key("NewKey"), "{:?}", kept.keys());
        jsonschema::validator_for(&root).unwrap();
    }
}
