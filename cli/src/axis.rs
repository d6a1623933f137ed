//! Axes of a grid, as they are written on the command line: `cfg_scale=1..7/3`.

use contract::group::{Around, Axis, Range, Replace};
use serde_json::{Map, Value};

/// What `--help` says about axes.
pub(crate) const HELP: &str = "\
Axes (--x, --y, --z):
  seed=1,2,3             these values
  sampler='[\"euler\"]'    a JSON list
  cfg_scale=1..7/3       three numbers from 1 to 7
  steps=10..30:5         numbers from 10 to 30 in steps of 5
  cfg_scale=around:2/5   five numbers around that of the job, 2 to both sides
  seed=random:4          four random seeds
  prompt=replace:dawn,dusk,noon
                         the prompt as it is, and with dusk or noon in place of dawn
  prompt=choices         every way to read a prompt such as 'a {red|blue} door'";

/// Reads an axis.
pub(crate) fn read(text: &str) -> Result<Axis, String> {
    let (field, source) = text.split_once('=').ok_or("an axis looks like seed=1,2,3")?;
    let mut axis = Axis { field: field.trim().to_owned(), ..Axis::default() };
    let source = source.trim();
    if source == "choices" {
        axis.choices = true;
    } else if let Some(count) = source.strip_prefix("random:") {
        axis.random = Some(count.parse().map_err(|_| format!("{count:?} is no count of seeds"))?);
    } else if let Some(rest) = source.strip_prefix("around:") {
        let (by, count) = rest.split_once('/').unwrap_or((rest, "5"));
        axis.around = Some(Around { by: number(by)?, count: count_of(count)? });
    } else if let Some(rest) = source.strip_prefix("replace:") {
        let with: Vec<String> = rest.split(',').map(|word| word.trim().to_owned()).collect();
        let search = with.first().cloned().unwrap_or_default();
        axis.replace = Some(Replace { search, with });
    } else if let Some(range) = range(source)? {
        axis.range = Some(range);
    } else if source.starts_with('[') {
        axis.values = Some(serde_json::from_str(source).map_err(|error| format!("this is no JSON list: {error}"))?);
    } else {
        axis.values = Some(source.split(',').map(|word| value(word.trim())).collect());
    }
    Ok(axis)
}

/// Reads `field=value`: the value as JSON where it is JSON, else as text.
pub(crate) fn read_field(text: &str) -> Result<(String, Value), String> {
    let (field, text) = text.split_once('=').ok_or("a field looks like steps=20")?;
    Ok((field.trim().replace('-', "_"), value(text)))
}

/// Sets fields, which may lie within others: `hires/scale`.
pub(crate) fn set_all(spec: &mut Map<String, Value>, fields: Vec<(String, Value)>) {
    for (field, value) in fields {
        let mut place = &mut *spec;
        let mut names = field.split('/').peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                place.insert(name.to_owned(), value);
                break;
            }
            let next = place.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if !next.is_object() {
                *next = Value::Object(Map::new());
            }
            let Value::Object(within) = next else { break };
            place = within;
        }
    }
}

/// Reads `1..7/3` or `10..30:5`; none if it is no range.
fn range(source: &str) -> Result<Option<Range>, String> {
    let Some((start, rest)) = source.split_once("..") else { return Ok(None) };
    let Ok(start) = start.trim().parse() else { return Ok(None) };
    let (stop, step, count) = if let Some((stop, count)) = rest.split_once('/') {
        (stop, None, Some(count_of(count)?))
    } else {
        let (stop, step) = rest.split_once(':').unwrap_or((rest, "1"));
        (stop, Some(number(step)?), None)
    };
    Ok(Some(Range { start, stop: number(stop)?, step, count }))
}

fn number(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is no number"))
}

fn count_of(text: &str) -> Result<u32, String> {
    text.trim().parse().map_err(|_| format!("{text:?} is no count"))
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(text: &str) -> Value {
        let mut axis = serde_json::to_value(read(text).unwrap()).unwrap();
        axis.as_object_mut().unwrap().remove("field");
        axis
    }

    #[test]
    fn every_way_to_write_an_axis_is_read() {
        assert_eq!(written("seed=1, 2,3"), json!({ "values": [1, 2, 3] }));
        assert_eq!(written("sampler=euler,dpm++2m"), json!({ "values": ["euler", "dpm++2m"] }));
        assert_eq!(written(r#"prompt=["a, b", "c"]"#), json!({ "values": ["a, b", "c"] }));
        assert_eq!(written("cfg_scale=1..7/3"), json!({ "range": { "start": 1.0, "stop": 7.0, "count": 3 } }));
        assert_eq!(written("steps=30..10:-5"), json!({ "range": { "start": 30.0, "stop": 10.0, "step": -5.0 } }));
        assert_eq!(written("cfg_scale=around:2"), json!({ "around": { "by": 2.0, "count": 5 } }));
        assert_eq!(written("seed=random:4"), json!({ "random": 4 }));
        assert_eq!(
            written("prompt=replace:dawn,dusk"),
            json!({ "replace": { "search": "dawn", "with": ["dawn", "dusk"] } })
        );
        assert_eq!(written("prompt=choices"), json!({ "choices": true }));
        for wrong in ["seed", "seed=random:x", "steps=1..x/3", "steps=1..9/x", "prompt=[1,"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn fields_are_set_wherever_they_lie() {
        let mut spec = Map::new();
        let fields = ["steps=20", "negative-prompt=fog", "hires/scale=1.5", "hires/steps=4"];
        set_all(&mut spec, fields.map(|field| read_field(field).unwrap()).into());
        assert_eq!(
            Value::Object(spec),
            json!({ "steps": 20, "negative_prompt": "fog", "hires": { "scale": 1.5, "steps": 4 } })
        );
    }
}
