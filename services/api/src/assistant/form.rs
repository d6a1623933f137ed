//! The form of an answer: its JSON schema, how long it can become, and what is wrong with one that does not keep to it.

use std::collections::BTreeMap;

use contract::spec::schema::resolved;
use jsonschema::Validator;
use serde_json::Value;
use utoipa::{PartialSchema, ToSchema};

/// How many characters a text without a bound counts as having. Our forms bound every text; a grammar without bounds lets a
/// model go on for ever.
const UNBOUNDED: u64 = 2000;
/// The longest number that is told: sign, digits, a point, an exponent.
const NUMBER: u64 = 24;
/// How deep the parts of a schema may lie in each other.
const MOST_DEPTH: usize = 16;

/// Returns the schema of a type, with everything that it refers to laid into it. What its fields mean is what their
/// documentation says, and the model reads it.
pub(crate) fn schema_of<T: ToSchema + PartialSchema>() -> Value {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    let as_json = |schema| serde_json::to_value(schema).unwrap_or_default();
    let parts: BTreeMap<String, Value> = parts.into_iter().map(|(name, schema)| (name, as_json(schema))).collect();
    let mut schema = as_json(T::schema());
    lay_in(&mut schema, &parts, MOST_DEPTH);
    schema
}

/// Puts what references lead to in their places.
fn lay_in(schema: &mut Value, parts: &BTreeMap<String, Value>, depth: usize) {
    if depth == 0 {
        return;
    }
    if schema.get("$ref").is_some() {
        *schema = resolved(schema, parts).clone();
    }
    match schema {
        Value::Object(map) => map.values_mut().for_each(|inner| lay_in(inner, parts, depth - 1)),
        Value::Array(list) => list.iter_mut().for_each(|inner| lay_in(inner, parts, depth - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns how many characters the longest answer of a schema has, written without needless blanks.
pub(crate) fn most_characters(schema: &Value) -> u64 {
    let number = |key: &str| schema.get(key).and_then(Value::as_u64);
    let list = |key: &str| schema.get(key).and_then(Value::as_array);
    if let Some(values) = list("enum") {
        return values.iter().map(length).max().unwrap_or_default();
    }
    if let Some(branches) = list("oneOf").or_else(|| list("anyOf")) {
        return branches.iter().map(most_characters).max().unwrap_or_default();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => number("maxLength").unwrap_or(UNBOUNDED) + 2,
        Some("array") => {
            let item = schema.get("items").map(most_characters).unwrap_or(UNBOUNDED);
            number("maxItems").map_or(UNBOUNDED, |count| count * (item + 2)) + 2
        }
        Some("object") => {
            let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            properties.map(|(name, value)| name.len() as u64 + 6 + most_characters(value)).sum::<u64>() + 2
        }
        Some("boolean" | "null") => 5,
        _ => NUMBER,
    }
}

fn length(value: &Value) -> u64 {
    value.to_string().chars().count() as u64
}

/// Reads an answer; fails with a sentence about what is wrong with it.
pub(crate) fn read(text: &str, validator: &Validator) -> Result<Value, String> {
    // Engines that know no schemas put their answer between marks, or say something before it.
    let object = text.find('{').zip(text.rfind('}')).and_then(|(from, to)| text.get(from..=to));
    let object = object.ok_or("it was no JSON object")?;
    let value: Value = serde_json::from_str(object).map_err(|error| format!("it was not JSON: {error}"))?;
    let wrong = validator.iter_errors(&value).next().map(|error| match error.instance_path().as_str() {
        "" => error.to_string(),
        place => format!("{place} was wrong: {error}"),
    });
    wrong.map_or(Ok(value), Err)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    /// Something to look at.
    #[derive(Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Seen {
        /// What it is called.
        #[schema(min_length = 1, max_length = 10)]
        name: String,
        /// What it is like.
        #[schema(max_items = 2)]
        marks: Vec<Mark>,
    }

    /// What something is like.
    #[derive(Deserialize, ToSchema)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code, reason = "only its schema is looked at")]
    enum Mark {
        Bright,
        Dim,
    }

    #[test]
    fn a_type_is_a_schema_without_references_that_says_what_its_fields_mean() {
        let schema = schema_of::<Seen>();
        assert!(!schema.to_string().contains("$ref"), "{schema}");
        assert_eq!(schema["properties"]["marks"]["items"]["enum"], json!(["bright", "dim"]));
        assert_eq!(schema["properties"]["name"]["description"], "What it is called.");
        assert_eq!((&schema["required"], &schema["additionalProperties"]), (&json!(["name", "marks"]), &json!(false)));
    }

    #[test]
    fn the_longest_answer_is_as_long_as_the_schema_allows() {
        let longest = json!({ "name": "0123456789", "marks": ["bright", "bright"] }).to_string();
        let most = most_characters(&schema_of::<Seen>());
        assert!((longest.len() as u64..longest.len() as u64 + 12).contains(&most), "{most} for {longest}");
        assert_eq!(most_characters(&json!({ "type": "string" })), UNBOUNDED + 2);
    }

    #[test]
    fn an_answer_is_found_between_marks_and_what_is_wrong_with_it_is_said() {
        let validator = jsonschema::validator_for(&schema_of::<Seen>()).unwrap();
        let fenced = "Here it is:\n```json\n{\"name\": \"x\", \"marks\": [\"dim\"]}\n```";
        assert_eq!(read(fenced, &validator).unwrap(), json!({ "name": "x", "marks": ["dim"] }));
        for (text, words) in [
            ("I cannot do that.", "no JSON object"),
            ("} {", "no JSON object"),
            ("{\"name\": }", "not JSON"),
            ("{\"name\": \"x\"}", "marks"),
            ("{\"name\": \"\", \"marks\": []}", "/name"),
            ("{\"name\": \"x\", \"marks\": [\"loud\"]}", "/marks/0"),
        ] {
            let wrong = read(text, &validator).unwrap_err();
            assert!(wrong.contains(words), "{text}: {wrong}");
        }
    }
}
