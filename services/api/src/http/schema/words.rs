//! Says in plain words what is wrong with a value, and what would be right.

use std::collections::BTreeMap;

use contract::problem::{FieldError, Fix};
use jsonschema::{ValidationError, error::ValidationErrorKind};
use serde_json::{Number, Value};

use super::nearest::nearest;
use crate::http::{json::shortened, problem};

/// More than these are not listed: nobody reads them.
pub(super) const MOST_ERRORS: usize = 50;

/// Returns what is wrong with each field, and the nearest right values, from the violations of a schema without references.
pub(super) fn explain<'a>(
    schema: &Value,
    violations: impl Iterator<Item = ValidationError<'a>>,
) -> (Vec<FieldError>, Vec<Fix>) {
    let mut findings = Findings::default();
    for violation in violations.take(10 * MOST_ERRORS) {
        findings.take(schema, &violation);
    }
    let Findings { mut errors, wrong_values } = findings;
    let mut fix = Vec::new();
    for (place, (value, keywords)) in &wrong_values {
        let name = place.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("the body");
        let field = Field { name, rule: schema_at(schema, place), value };
        errors.insert(place.clone(), field.sentence(keywords));
        // A remedy names a field of the body itself; what lies deeper, people mend by hand.
        if let Some(value) = field.nearest_value().filter(|_| place.matches('/').count() == 1) {
            fix.push(problem::set(name, value));
        }
    }
    let errors = errors.into_iter().take(MOST_ERRORS).map(|(pointer, detail)| FieldError { pointer, detail }).collect();
    (errors, fix)
}

/// What violations say, by place.
#[derive(Default)]
struct Findings {
    errors: BTreeMap<String, String>,
    wrong_values: BTreeMap<String, (Value, Vec<String>)>,
}

impl Findings {
    fn take(&mut self, schema: &Value, violation: &ValidationError<'_>) {
        let place = violation.instance_path().as_str();
        match violation.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                self.errors.insert(pointer(place, name), format!("{name} is required"));
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for key in unexpected.iter().take(MOST_ERRORS) {
                    let detail = unknown_field(key, schema_at(schema, place));
                    self.errors.insert(pointer(place, &shortened(key)), detail);
                }
            }
            ValidationErrorKind::OneOfNotValid { context } | ValidationErrorKind::AnyOf { context }
                if meant(place, context).is_some() =>
            {
                for violation in meant(place, context).into_iter().flatten().take(MOST_ERRORS) {
                    self.take(schema, violation);
                }
            }
            kind => {
                let entry = self.wrong_values.entry(place.to_owned());
                let (_, keywords) = entry.or_insert_with(|| (violation.instance().as_ref().clone(), Vec::new()));
                keywords.push(kind.keyword().to_owned());
            }
        }
    }
}

/// Returns what is wrong with a value that may be of several forms, by the one whose type it has: that one was meant.
fn meant<'a>(place: &str, forms: &'a [Vec<ValidationError<'static>>]) -> Option<&'a [ValidationError<'static>]> {
    let is_of_type = |form: &&Vec<ValidationError<'static>>| {
        !form.iter().any(|violation| {
            matches!(violation.kind(), ValidationErrorKind::Type { .. }) && violation.instance_path().as_str() == place
        })
    };
    forms.iter().find(is_of_type).map(Vec::as_slice)
}

/// A value that breaks its rule.
struct Field<'a> {
    name: &'a str,
    rule: &'a Value,
    value: &'a Value,
}

impl Field<'_> {
    fn sentence(&self, keywords: &[String]) -> String {
        let Self { name, rule, value } = self;
        let breaks = |keyword: &str| keywords.iter().any(|broken| broken == keyword);
        if let Some(options) = options(rule) {
            let near = value.as_str().and_then(|word| nearest(word, options.iter().copied()));
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            return format!("{name} must be one of {}{hint}", options.join(", "));
        }
        if breaks("type") || breaks("oneOf") || breaks("anyOf") {
            return format!("{name} must be {}", self.wanted());
        }
        if breaks("minimum") || breaks("maximum") {
            let step = number(rule, "multipleOf").map(|step| format!(", in steps of {step}")).unwrap_or_default();
            let near = self.nearest_value().map(|near| format!(": {near} is the nearest")).unwrap_or_default();
            return format!("{name} must be {}{step}{near}", bounds(rule));
        }
        if let (true, Some(step)) = (breaks("multipleOf"), number(rule, "multipleOf")) {
            let near: Vec<String> = self.neighbours(step).iter().map(f64::to_string).collect();
            let verb = if near.len() == 1 { "is" } else { "are" };
            return format!("{name} must be a multiple of {step}: {} {verb} the nearest", near.join(" and "));
        }
        if breaks("minLength") && number(rule, "minLength") == Some(1.0) || breaks("pattern") {
            return format!("{name} must not be empty or blank");
        }
        let length = value.as_str().map(|text| text.chars().count()).unwrap_or_default();
        if breaks("maxLength") {
            let most = number(rule, "maxLength").unwrap_or_default();
            return format!("{name} must have at most {most} characters, and has {length}");
        }
        if breaks("minLength") {
            let least = number(rule, "minLength").unwrap_or_default();
            return format!("{name} must have at least {least} characters, and has {length}");
        }
        let entries = value.as_array().map(Vec::len).unwrap_or_default();
        if breaks("maxItems") {
            let most = number(rule, "maxItems").unwrap_or_default();
            return format!("{name} must have at most {most} entries, and has {entries}");
        }
        if breaks("minItems") {
            let least = number(rule, "minItems").unwrap_or_default();
            return format!("{name} must have at least {least} entries, and has {entries}");
        }
        format!("{name} breaks the rule {} of the API document", keywords.join(", "))
    }

    /// Returns what kind of value the rule wants, with its bounds.
    fn wanted(&self) -> String {
        let numeric = |noun: &str| match bounds(self.rule).as_str() {
            "" => noun.to_owned(),
            bounds => format!("{noun} {bounds}"),
        };
        match type_of(self.rule) {
            "integer" => numeric("a whole number"),
            "number" => numeric("a number"),
            "string" => "text".to_owned(),
            "boolean" => "true or false".to_owned(),
            "array" => "a list".to_owned(),
            "object" => "an object".to_owned(),
            _ => "something else".to_owned(),
        }
    }

    /// Returns the right value that is nearest to the wrong one, where that can be said.
    fn nearest_value(&self) -> Option<Value> {
        if let Some(options) = options(self.rule) {
            return nearest(self.value.as_str()?, options).map(Value::from);
        }
        let is_whole = match type_of(self.rule) {
            "integer" => true,
            "number" => false,
            _ => return None,
        };
        let wrong = self.as_number()?;
        let near = match number(self.rule, "multipleOf") {
            Some(step) => {
                self.neighbours(step).into_iter().min_by(|a, b| (a - wrong).abs().total_cmp(&(b - wrong).abs()))?
            }
            None if is_whole => self.clamp(wrong).round(),
            None => self.clamp(wrong),
        };
        as_json(near, is_whole)
    }

    /// Returns the multiples of `step` below and above the wrong value, within the bounds.
    fn neighbours(&self, step: f64) -> Vec<f64> {
        let Some(wrong) = self.as_number() else { return Vec::new() };
        let mut near = vec![self.clamp((wrong / step).floor() * step), self.clamp((wrong / step).ceil() * step)];
        near.dedup();
        near
    }

    fn clamp(&self, value: f64) -> f64 {
        let above = number(self.rule, "minimum").map_or(value, |least| value.max(least));
        number(self.rule, "maximum").map_or(above, |most| above.min(most))
    }

    /// Returns the wrong value as a number, also where somebody wrote it as text.
    fn as_number(&self) -> Option<f64> {
        let number = match self.value {
            Value::String(text) => text.trim().parse().ok()?,
            other => other.as_f64()?,
        };
        number.is_finite().then_some(number)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the bounds of the rule hold it far below")]
fn as_json(number: f64, is_whole: bool) -> Option<Value> {
    if is_whole || number.fract() == 0.0 {
        Some(Value::from(number as i64))
    } else {
        Number::from_f64(number).map(Value::Number)
    }
}

fn unknown_field(key: &str, schema: &Value) -> String {
    let names: Vec<&str> =
        schema["properties"].as_object().into_iter().flat_map(|map| map.keys().map(String::as_str)).collect();
    match nearest(key, names.iter().copied()) {
        Some(near) => format!("there is no field {:?}; did you mean {near}?", shortened(key)),
        None => format!("there is no field {:?}; the fields are {}", shortened(key), names.join(", ")),
    }
}

/// Returns the rule of the value at a place. Rules that allow null as well are left out of account.
fn schema_at<'a>(schema: &'a Value, place: &str) -> &'a Value {
    place.split('/').skip(1).fold(not_null(schema), |schema, segment| {
        let name = segment.replace("~1", "/").replace("~0", "~");
        not_null(schema["properties"].get(&name).unwrap_or(&schema["items"]))
    })
}

fn not_null(schema: &Value) -> &Value {
    let branches = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
    branches.and_then(|branches| branches.iter().find(|branch| branch["type"] != "null")).unwrap_or(schema)
}

fn type_of(rule: &Value) -> &str {
    match &rule["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or_default(),
        name => name.as_str().unwrap_or_default(),
    }
}

fn options(rule: &Value) -> Option<Vec<&str>> {
    rule["enum"].as_array().map(|options| options.iter().filter_map(Value::as_str).collect())
}

fn number(rule: &Value, keyword: &str) -> Option<f64> {
    rule[keyword].as_f64()
}

fn bounds(rule: &Value) -> String {
    match (number(rule, "minimum"), number(rule, "maximum")) {
        (Some(least), Some(most)) => format!("between {least} and {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => String::new(),
    }
}

/// Returns the JSON pointer to a field within a place.
pub(super) fn pointer(place: &str, name: &str) -> String {
    format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"))
}
