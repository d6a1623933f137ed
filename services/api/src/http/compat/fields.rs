//! The fields of a foreign request, read leniently: a number may be a text, what is null or empty was not sent, and what
//! nobody here knows is passed over. The content type only tells forms from JSON.

use axum::{
    body::Bytes,
    extract::{FromRequest as _, Multipart, Request},
};
use contract::problem::{FieldError, ProblemCode};
use serde_json::{Map, Value};

use crate::http::{
    Api,
    body::{media_type, read},
    form::{in_time, read_part},
    json,
    problem::Error,
};

/// The longest text in a form. Prompts end at ten thousand characters.
const LONGEST_TEXT_BYTES: usize = 1 << 20;
/// The most parts of a form.
const MOST_PARTS: usize = 200;

/// The fields of a request, being read. Mistakes are collected and named together by [`Fields::finish`].
#[derive(Debug, Default)]
pub(crate) struct Fields {
    values: Map<String, Value>,
    files: Vec<(String, Bytes)>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Reads the body of a request: a form if it says so, else JSON. Nothing at all counts as an empty object.
    pub(crate) async fn read(api: &Api, request: Request) -> Result<Self, Error> {
        let most_bytes = api.config.max_upload_bytes;
        if media_type(request.headers()) == "multipart/form-data" {
            return Self::from_form(request, most_bytes).await;
        }
        let (parts, body) = request.into_parts();
        // Pictures come as base64, which takes four bytes for three.
        let body = read(&parts.headers, body, most_bytes / 3 * 4 + api.config.max_body_bytes).await?;
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let value = json::parse(&body).map_err(|error| Error::new(ProblemCode::MalformedRequest, error.detail))?;
        Self::from_value(value)
    }

    /// Reads an object.
    pub(crate) fn from_value(value: Value) -> Result<Self, Error> {
        match value {
            Value::Object(values) => Ok(Self { values, ..Self::default() }),
            _ => Err(Error::new(ProblemCode::MalformedRequest, "the body must be a JSON object")),
        }
    }

    async fn from_form(request: Request, most_bytes: usize) -> Result<Self, Error> {
        let malformed = |detail: &str| Error::new(ProblemCode::MalformedRequest, detail);
        let form = Multipart::from_request(request, &()).await;
        let mut form = form.map_err(|_| malformed("the form has no boundary that can be read in its Content-Type"))?;
        let mut fields = Self::default();
        for _ in 0..MOST_PARTS {
            let Some(part) = in_time(form.next_field()).await? else { return Ok(fields) };
            let name = part.name().unwrap_or_default().trim_end_matches("[]").to_owned();
            let is_picture = part.content_type().is_some_and(|kind| kind.starts_with("image/"));
            // Some programs send pictures without a name, and some send texts with one.
            if is_picture || part.file_name().is_some() || ["image", "mask"].contains(&name.as_str()) {
                fields.files.push((name, read_part(part, most_bytes).await?));
                continue;
            }
            let text = read_part(part, LONGEST_TEXT_BYTES).await?;
            let text = String::from_utf8(text.into()).map_err(|_| malformed("a text of the form is not UTF-8"))?;
            fields.values.insert(name, Value::String(text));
        }
        Err(malformed("the form has too many parts"))
    }

    /// Fails with everything that was wrong.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        let errors = std::mem::take(&mut self.errors);
        if errors.is_empty() { Ok(()) } else { Err(Error::invalid(errors, Vec::new())) }
    }

    /// Notes that a field is wrong.
    pub(crate) fn refuse(&mut self, name: &str, detail: impl Into<String>) {
        self.errors.push(FieldError { pointer: format!("/{name}"), detail: detail.into() });
    }

    /// Returns a field as it came; none if it is null or an empty text.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null() && value.as_str().is_none_or(|text| !text.is_empty()))
    }

    /// Returns a list or an object, which forms send as a text.
    pub(crate) fn json(&mut self, name: &str) -> Option<Value> {
        let value = self.value(name)?.clone();
        let Value::String(text) = &value else { return Some(value) };
        let read = json::parse(text.as_bytes());
        if read.is_err() {
            self.refuse(name, format!("{name} must be JSON"));
        }
        read.ok()
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        match self.value(name)?.clone() {
            Value::String(text) => Some(text),
            Value::Number(number) => Some(number.to_string()),
            _ => {
                self.refuse(name, format!("{name} must be a text"));
                None
            }
        }
    }

    pub(crate) fn number(&mut self, name: &str) -> Option<f64> {
        let value = self.value(name)?;
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| number.is_finite());
        if number.is_none() {
            self.refuse(name, format!("{name} must be a number"));
        }
        number
    }

    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    pub(crate) fn whole(&mut self, name: &str) -> Option<i64> {
        let number = self.number(name)?;
        let is_whole = number.fract() == 0.0 && number.abs() <= 9e15;
        if !is_whole {
            self.refuse(name, format!("{name} must be a whole number"));
        }
        is_whole.then_some(number as i64)
    }

    /// Returns whether something was asked for.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.value(name) {
            Some(Value::Bool(on)) => *on,
            Some(Value::String(text)) => ["true", "1", "yes"].contains(&text.trim().to_lowercase().as_str()),
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            _ => false,
        }
    }

    /// Returns the files of this name, in their order.
    pub(crate) fn files(&self, name: &str) -> Vec<Bytes> {
        let named = self.files.iter().filter(|(known, _)| known == name);
        named.map(|(_, bytes)| bytes.clone()).filter(|bytes| !bytes.is_empty()).collect()
    }

    /// Returns everything that was sent, except for these.
    pub(crate) fn all_but(&self, left_out: &[&str]) -> Map<String, Value> {
        let kept = self.values.iter().filter(|(name, _)| !left_out.contains(&name.as_str()));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Returns what the request is, whatever the borders between the parts of its form: the same for a repetition.
    pub(crate) fn fingerprint(&self, path: &str) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(path.as_bytes());
        hasher.update(Value::Object(self.values.clone()).to_string().as_bytes());
        for (name, bytes) in &self.files {
            hasher.update(name.as_bytes()).update(blake3::hash(bytes).as_bytes());
        }
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_numbers_and_nothing_is_nothing() {
        let value =
            json!({ "n": "2", "steps": 4.0, "seed": null, "size": "", "stream": "true", "cfg": "x", "half": 0.5 });
        let mut fields = Fields::from_value(value).unwrap();
        assert_eq!((fields.whole("n"), fields.whole("steps"), fields.whole("seed")), (Some(2), Some(4), None));
        assert_eq!((fields.text("size"), fields.flag("stream"), fields.flag("seed")), (None, true, false));
        assert!(fields.finish().is_ok());
        assert_eq!((fields.number("cfg"), fields.whole("half"), fields.number("stream")), (None, None, None));
        assert!(fields.finish().is_err());
    }

    #[test]
    fn a_repetition_has_the_same_fingerprint_and_another_request_another() {
        let of = |value: Value| Fields::from_value(value).unwrap().fingerprint("/v1/images/generations");
        assert_eq!(of(json!({ "a": 1, "b": 2 })), of(json!({ "b": 2, "a": 1 })));
        assert_ne!(of(json!({ "a": 1 })), of(json!({ "a": 2 })));
    }
}
