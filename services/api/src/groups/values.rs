//! Where the values of an axis come from.

use contract::group::{Around, Axis, GroupAxis, MOST_VALUES, Range};
use serde_json::{Map, Number, Value};

use super::{
    grid::{Mistake, find},
    text,
};

/// What numbers are rounded to: nobody means the tail of 0.1 + 0.2.
const FINENESS: f64 = 1e6;
/// Longer labels are cut: they stand above a small picture.
const MOST_LABEL_CHARACTERS: usize = 60;
const SOURCES: &str = "values, range, around, random, replace, choices";

/// What the schema says about the numbers of a field.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Bounds {
    least: Option<f64>,
    most: Option<f64>,
    step: Option<f64>,
    default: Option<f64>,
}

impl Bounds {
    pub(super) fn of(rule: &Value) -> Self {
        let number = |keyword: &str| rule[keyword].as_f64();
        let is_whole = match &rule["type"] {
            Value::Array(types) => types.iter().any(|name| name == "integer"),
            name => name == "integer",
        };
        let step = number("multipleOf").or(is_whole.then_some(1.0));
        Self { least: number("minimum"), most: number("maximum"), step, default: number("default") }
    }

    /// Returns the number that the field allows and that is nearest to this one.
    fn nearest(self, number: f64) -> f64 {
        let number = self.step.map_or(number, |step| (number / step).round() * step);
        let number = self.least.map_or(number, |least| number.max(least));
        self.most.map_or(number, |most| number.min(most))
    }
}

/// Returns an axis with its values. `place` is where it stands in the body.
pub(super) fn resolve(
    base: &Map<String, Value>,
    axis: &Axis,
    bounds: &Bounds,
    place: &str,
) -> Result<GroupAxis, Mistake> {
    let Axis { field, values, range, around, random, replace, choices } = axis;
    let at = |source: &str| format!("{place}/{source}");
    let sources = [values.is_some(), range.is_some(), around.is_some(), random.is_some(), replace.is_some(), *choices];
    if sources.iter().filter(|is_there| **is_there).count() != 1 {
        return Err(Mistake::new(place, format!("the axis needs exactly one of {SOURCES}")));
    }
    if field.is_empty() || field == "kind" || field == "/kind" {
        return Err(Mistake::new(at("field"), "name the field of the job that differs; its kind cannot"));
    }
    let whole = Value::Object(base.clone());
    let text = || match find(&whole, field) {
        Some(Value::String(text)) => Ok(text.clone()),
        _ => Err(Mistake::new(at("field"), format!("base has no text {field} to begin with"))),
    };
    if let Some(replace) = replace {
        if !text()?.contains(&replace.search) {
            let detail = format!("{field} of base does not contain {:?}", replace.search);
            return Err(Mistake::new(at("replace/search"), detail));
        }
        let values: Vec<Value> = replace.with.iter().cloned().map(Value::from).collect();
        let labels = replace.with.iter().map(|with| if with.is_empty() { "–".to_owned() } else { cut(with) }).collect();
        return Ok(GroupAxis { field: field.clone(), values, labels, search: Some(replace.search.clone()) });
    }
    if *choices {
        let readings = text::readings(&text()?, MOST_VALUES).ok_or_else(|| {
            let detail = format!(
                "{field} of base must leave a choice such as {{dawn|dusk}}, with at most {MOST_VALUES} readings"
            );
            Mistake::new(at("choices"), detail)
        })?;
        let (values, labels) = readings.into_iter().map(|(text, chosen)| (Value::from(text), cut(&chosen))).unzip();
        return Ok(GroupAxis { field: field.clone(), values, labels, search: None });
    }
    let values = match (values, range, around, random) {
        (Some(values), ..) => values.clone(),
        (_, Some(range), ..) => numbers(range).map_err(|detail| Mistake::new(at("range"), detail))?,
        (_, _, Some(around), _) => {
            let centre = find(&whole, field).and_then(Value::as_f64).or(bounds.default);
            let centre =
                centre.ok_or_else(|| Mistake::new(at("around"), format!("base has no number {field} to go around")))?;
            numbers_around(centre, around, *bounds)
        }
        (.., Some(_)) if field.trim_start_matches('/') != "seed" => {
            return Err(Mistake::new(at("random"), "only the field seed can be random; give values or a range"));
        }
        (.., count) => (0..count.unwrap_or(1)).map(|_| Value::from(fastrand::u32(..))).collect(),
    };
    let labels = values.iter().map(|value| label(field, value)).collect();
    Ok(GroupAxis { field: field.clone(), values, labels, search: None })
}

/// Returns the numbers of a range, or what is wrong with it.
fn numbers(range: &Range) -> Result<Vec<Value>, String> {
    let Range { start, stop, step, count } = *range;
    let (step, count) = match (step, count) {
        (None, Some(1)) => (0.0, 1),
        (None, Some(count)) => ((stop - start) / f64::from(count - 1), count),
        (Some(step), None) => {
            let steps = ((stop - start) / step + 1e-9).floor();
            if step == 0.0 || !steps.is_finite() || steps < 0.0 {
                return Err(format!("no step of {step} leads from {start} to {stop}"));
            }
            if steps >= MOST_VALUES as f64 {
                return Err(format!("an axis has at most {MOST_VALUES} values; this would be {}", steps + 1.0));
            }
            (step, whole(steps) + 1)
        }
        _ => return Err("a range needs exactly one of step and count".to_owned()),
    };
    Ok((0..count).map(|at| number(start + step * f64::from(at))).collect())
}

/// Returns numbers around another, as far as the field allows them, each once.
fn numbers_around(centre: f64, around: &Around, bounds: Bounds) -> Vec<Value> {
    let step = 2.0 * around.by / f64::from(around.count.max(2) - 1);
    let mut found: Vec<f64> =
        (0..around.count).map(|at| bounds.nearest(centre - around.by + step * f64::from(at))).collect();
    found.dedup();
    found.into_iter().map(number).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the caller has bounded it")]
fn whole(number: f64) -> u32 {
    number as u32
}

/// Returns a number as people write it: whole where it is whole.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn number(value: f64) -> Value {
    let value = (value * FINENESS).round() / FINENESS;
    if value.fract() == 0.0 && value.abs() < 9e15 {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn label(field: &str, value: &Value) -> String {
    match value {
        Value::String(text) if field == "prompt" => cut(text),
        Value::String(text) => cut(&format!("{field}: {text}")),
        Value::Null => format!("no {field}"),
        other => cut(&format!("{field}: {other}")),
    }
}

fn cut(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(MOST_LABEL_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolved(axis: Value, bounds: Bounds) -> Result<GroupAxis, Mistake> {
        let base = json!({ "prompt": "a mill at {dawn|dusk}", "cfg_scale": 7, "steps": 10 });
        let axis: Axis = serde_json::from_value(axis).unwrap();
        resolve(base.as_object().unwrap(), &axis, &bounds, "/axes/0")
    }

    fn values(axis: Value) -> Vec<Value> {
        resolved(axis, Bounds::default()).unwrap().values
    }

    #[test]
    fn a_range_goes_by_steps_or_by_count_and_ends_at_its_bound() {
        assert_eq!(values(json!({ "field": "x", "range": { "start": 0.1, "stop": 0.5, "step": 0.1 } })).len(), 5);
        let down = values(json!({ "field": "x", "range": { "start": 3, "stop": 1, "step": -1 } }));
        assert_eq!(down, [json!(3), json!(2), json!(1)]);
        let thirds = values(json!({ "field": "x", "range": { "start": 1, "stop": 7, "count": 3 } }));
        assert_eq!(thirds, [json!(1), json!(4), json!(7)]);
        for wrong in [
            json!({ "start": 1, "stop": 7 }),
            json!({ "start": 1, "stop": 7, "step": 0 }),
            json!({ "start": 1, "stop": 7, "step": -1 }),
            json!({ "start": 1, "stop": 7, "step": 1e-9 }),
            json!({ "start": 1, "stop": 7, "step": 1, "count": 7 }),
        ] {
            let mistake = resolved(json!({ "field": "x", "range": wrong }), Bounds::default()).unwrap_err();
            assert_eq!(mistake.pointer, "/axes/0/range");
        }
    }

    #[test]
    fn numbers_around_another_stay_within_what_the_field_allows() {
        let steps = Bounds::of(&json!({ "type": "integer", "minimum": 8, "maximum": 150 }));
        let found = resolved(json!({ "field": "steps", "around": { "by": 4, "count": 5 } }), steps).unwrap();
        assert_eq!(found.values, [json!(8), json!(10), json!(12), json!(14)]);
        let absent = resolved(json!({ "field": "eta", "around": { "by": 1, "count": 3 } }), Bounds::default());
        assert_eq!(absent.unwrap_err().pointer, "/axes/0/around");
    }

    #[test]
    fn an_axis_has_exactly_one_source() {
        for axis in [json!({ "field": "seed" }), json!({ "field": "seed", "random": 2, "values": [1] })] {
            let mistake = resolved(axis, Bounds::default()).unwrap_err();
            assert!(mistake.detail.contains("exactly one of"), "{mistake:?}");
        }
    }

    #[test]
    fn a_prompt_varies_by_replacement_or_by_its_choices() {
        let chosen = resolved(json!({ "field": "prompt", "choices": true }), Bounds::default()).unwrap();
        assert_eq!(chosen.values, [json!("a mill at dawn"), json!("a mill at dusk")]);
        assert_eq!(chosen.labels, ["dawn", "dusk"]);
        let absent = json!({ "field": "prompt", "replace": { "search": "noon", "with": ["night"] } });
        assert_eq!(resolved(absent, Bounds::default()).unwrap_err().pointer, "/axes/0/replace/search");
        let no_text = json!({ "field": "steps", "choices": true });
        assert_eq!(resolved(no_text, Bounds::default()).unwrap_err().pointer, "/axes/0/field");
    }

    #[test]
    fn only_seeds_are_random() {
        assert_eq!(values(json!({ "field": "seed", "random": 3 })).len(), 3);
        let mistake = resolved(json!({ "field": "steps", "random": 3 }), Bounds::default()).unwrap_err();
        assert_eq!(mistake.pointer, "/axes/0/random");
    }
}
