//! Reads JSON more strictly than serde_json does: no key twice, no deep nesting, nothing after the end.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// How deep lists and objects may nest. No request of ours needs more than a few levels.
const MAX_DEPTH: usize = 32;

/// Returns the value that the whole text is, or a sentence that says where it stops being JSON.
pub(crate) fn parse(text: &[u8]) -> Result<Value, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Strict { depth: 0 }.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| format!("the body is not the JSON that we read: {error}"))
}

/// Turns whole numbers that are written as `512.0` or `5.12e2` into whole numbers, because serde tells them apart and JSON does not.
pub(crate) fn unify_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|_| number.is_f64()).and_then(as_whole) {
                *number = whole;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(unify_numbers),
        Value::Object(map) => map.values_mut().for_each(unify_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn as_whole(number: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT).then(|| Number::from(number as i64))
}

/// Reads one value at this depth.
#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("lists and objects are nested more than {MAX_DEPTH} deep")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = access.next_element_seed(deeper)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let deeper = self.deeper()?;
        let mut map = Map::new();
        while let Some(Key(key)) = access.next_key()? {
            if map.contains_key(&key) {
                return Err(de::Error::custom(format_args!("the key {:?} stands there twice", shortened(&key))));
            }
            let value = access.next_value_seed(deeper)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[derive(Deserialize)]
struct Key(String);

/// Returns the beginning of a text that a client sent, short enough to be sent back.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ordinary_json_is_read() {
        let text = br#" {"a":[1,-2,0.5,true,null,"\u00e9"],"b":{"c":{}}} "#;
        assert_eq!(parse(text).unwrap(), json!({"a":[1,-2,0.5,true,null,"é"],"b":{"c":{}}}));
    }

    #[test]
    fn what_is_not_exactly_one_value_is_refused() {
        let deep = "[".repeat(100_000);
        let closed = format!("{}{}", "[".repeat(33), "]".repeat(33));
        let texts: [&[u8]; 12] = [
            b"",
            b"{",
            b"{} {}",
            b"{}x",
            br#"{"a":1,"a":2}"#,
            br#"{"a":{"b":1,"b":1}}"#,
            br#"{"a":NaN}"#,
            br#"{"a":1e999}"#,
            b"{\"a\":\"\xff\"}",
            br#"{"a":"\ud800"}"#,
            deep.as_bytes(),
            closed.as_bytes(),
        ];
        for text in texts {
            assert!(parse(text).is_err(), "{}", String::from_utf8_lossy(&text[..text.len().min(40)]));
        }
    }

    #[test]
    fn a_number_without_a_fraction_is_whole_however_it_is_written() {
        let mut value = parse(br#"{"a":512.0,"b":[5.12e2],"c":0.5,"d":1e300,"e":-0.0}"#).unwrap();
        unify_numbers(&mut value);
        assert_eq!(value, json!({"a":512,"b":[512],"c":0.5,"d":1e300,"e":0}));
    }
}
