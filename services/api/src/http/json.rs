//! Reads JSON more strictly than serde_json does: no key twice, no deep nesting, nothing after the end.

use std::{
    cell::{Cell, RefCell},
    fmt,
};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// How deep lists and objects may nest. No request of ours needs more than a few levels.
const MAX_DEPTH: usize = 32;
/// How many values there may be. Each takes far more memory than text: a body of pictures may be large, and of zeros not.
const MAX_VALUES: usize = 1_000_000;
/// How long the pointer to a mistake may become.
const MOST_PLACE_BYTES: usize = 200;

/// Why a text is not the JSON that we read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// The field at which it stops being JSON, as a pointer; empty if it is no field's.
    pub(crate) pointer: String,
    pub(crate) detail: String,
}

/// Returns the value that the whole text is, or where it stops being JSON.
pub(crate) fn parse(text: &[u8]) -> Result<Value, Malformed> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let (left, place) = (Cell::new(MAX_VALUES), RefCell::default());
    let value = Strict { depth: 0, left: &left, place: &place }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| Malformed {
        pointer: place.take(),
        detail: format!("the body is not the JSON that we read: {error}"),
    })
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
struct Strict<'a> {
    depth: usize,
    /// How many values may still come.
    left: &'a Cell<usize>,
    /// Where it went wrong, once it has.
    place: &'a RefCell<String>,
}

impl Strict<'_> {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("lists and objects are nested more than {MAX_DEPTH} deep")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    /// Adds to the place where it went wrong, from the inside out. Of what nests without an end, the end is enough.
    fn note(self, name: &str) {
        let mut place = self.place.borrow_mut();
        if place.len() < MOST_PLACE_BYTES {
            *place = format!("/{}{place}", shortened(name).replace('~', "~0").replace('/', "~1"));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return Err(de::Error::custom(format_args!("there are more than {MAX_VALUES} values"))),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
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
        while let Some(item) = access.next_element_seed(deeper).inspect_err(|_| self.note(&list.len().to_string()))? {
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
            let value = access.next_value_seed(deeper).inspect_err(|_| self.note(&key))?;
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
    fn the_field_is_named_at_which_a_text_stops_being_json() {
        for (text, pointer) in
            [(r#"{"width":NaN}"#, "/width"), (r#"{"a":{"b":[1,1e999]}}"#, "/a/b/1"), ("{\"x\":1} {}", ""), ("", "")]
        {
            assert_eq!(parse(text.as_bytes()).unwrap_err().pointer, pointer, "{text}");
        }
    }

    #[test]
    fn a_list_of_millions_is_refused_before_it_fills_the_memory() {
        let text = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert!(parse(text.as_bytes()).unwrap_err().detail.contains("more than 1000000 values"));
        assert!(parse(&text.as_bytes()[..20]).is_err());
    }

    #[test]
    fn a_number_without_a_fraction_is_whole_however_it_is_written() {
        let mut value = parse(br#"{"a":512.0,"b":[5.12e2],"c":0.5,"d":1e300,"e":-0.0}"#).unwrap();
        unify_numbers(&mut value);
        assert_eq!(value, json!({"a":512,"b":[512],"c":0.5,"d":1e300,"e":0}));
    }
}
