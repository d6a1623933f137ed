//! An object of a request, being read, with the place where it stands. Mistakes are collected and named together.

use std::{cell::RefCell, ops::RangeInclusive};

use contract::problem::FieldError;
use serde_json::{Map, Value};

use crate::http::{openai::errors::words_of, problem::Error};

/// Of a request with a thousand mistakes, so many are enough.
const MOST_MISTAKES: usize = 20;

/// What is wrong with a request.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(RefCell<Vec<FieldError>>);

impl Mistakes {
    /// Notes that what stands at this pointer is wrong.
    pub(crate) fn note(&self, pointer: &str, detail: impl Into<String>) {
        let mut errors = self.0.borrow_mut();
        if errors.len() < MOST_MISTAKES {
            errors.push(FieldError { pointer: pointer.to_owned(), detail: detail.into() });
        }
    }

    /// Fails with everything that was wrong.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let errors = self.0.into_inner();
        if errors.is_empty() { Ok(()) } else { Err(Error::invalid(errors, Vec::new())) }
    }
}

/// An object of a request. What is `null` was not sent.
#[derive(Debug, Clone)]
pub(crate) struct Object<'a> {
    fields: &'a Map<String, Value>,
    pointer: String,
    mistakes: &'a Mistakes,
}

impl<'a> Object<'a> {
    /// Returns the object that stands at this pointer; notes if it is none.
    pub(crate) fn at(pointer: String, value: &'a Value, mistakes: &'a Mistakes) -> Option<Self> {
        let fields = value.as_object();
        if fields.is_none() {
            mistakes.note(&pointer, format!("{} must be an object", words_of(&pointer)));
        }
        fields.map(|fields| Self { fields, pointer, mistakes })
    }

    /// Returns where the mistakes are noted.
    pub(crate) fn mistakes(&self) -> &'a Mistakes {
        self.mistakes
    }

    /// Returns where a field stands.
    pub(crate) fn pointer(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }

    /// Notes that a field is wrong: `must` says what it must be.
    pub(crate) fn refuse(&self, name: &str, must: impl std::fmt::Display) {
        let pointer = self.pointer(name);
        self.mistakes.note(&pointer, format!("{} {must}", words_of(&pointer)));
    }

    /// Returns a field as it came.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// Returns whether a field was sent.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        let text = self.value(name)?.as_str();
        if text.is_none() {
            self.refuse(name, "must be a text");
        }
        text
    }

    /// Returns a text that must be there and say something.
    pub(crate) fn needed_text(&self, name: &str) -> Option<&'a str> {
        if !self.has(name) {
            self.refuse(name, "is required");
            return None;
        }
        let text = self.text(name)?;
        if text.is_empty() {
            self.refuse(name, "must not be empty");
        }
        Some(text)
    }

    pub(crate) fn number(&self, name: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let number = self.value(name)?.as_f64().filter(|number| range.contains(number));
        if number.is_none() {
            self.refuse(name, format_args!("must be a number from {} to {}", range.start(), range.end()));
        }
        number
    }

    pub(crate) fn whole(&self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let whole = as_whole(self.value(name)?).filter(|whole| range.contains(whole));
        if whole.is_none() {
            self.refuse(name, format_args!("must be a whole number from {} to {}", range.start(), range.end()));
        }
        whole
    }

    /// Returns a whole number that fits into what we keep it in.
    pub(crate) fn count(&self, name: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let (least, most) = (i64::from(*range.start()), i64::from(*range.end()));
        self.whole(name, least..=most).and_then(|whole| u32::try_from(whole).ok())
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        let flag = self.value(name)?.as_bool();
        if flag.is_none() {
            self.refuse(name, "must be true or false");
        }
        flag
    }

    /// Returns one of these words.
    pub(crate) fn choice<T: Copy>(&self, name: &str, known: &[(&str, T)]) -> Option<T> {
        let word = self.value(name)?.as_str();
        let chosen = known.iter().find(|(known, _)| Some(*known) == word).map(|(_, chosen)| *chosen);
        if chosen.is_none() {
            let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
            self.refuse(name, format_args!("must be one of {}", words.join(", ")));
        }
        chosen
    }

    pub(crate) fn object(&self, name: &str) -> Option<Object<'a>> {
        Self::at(self.pointer(name), self.value(name)?, self.mistakes)
    }

    pub(crate) fn list(&self, name: &str) -> Option<&'a [Value]> {
        let list = self.value(name)?.as_array();
        if list.is_none() {
            self.refuse(name, "must be a list");
        }
        list.map(Vec::as_slice)
    }

    /// Returns the objects of a list.
    pub(crate) fn objects(&self, name: &str) -> Option<Vec<Object<'a>>> {
        let list = self.list(name)?.iter().enumerate();
        Some(
            list.filter_map(|(at, value)| Self::at(format!("{}/{name}/{at}", self.pointer), value, self.mistakes))
                .collect(),
        )
    }
}

/// Returns a whole number, also one that is written as `5.0`.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
pub(crate) fn as_whole(value: &Value) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let of_float = || value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() <= EXACT);
    value.as_i64().or_else(|| of_float().map(|number| number as i64))
}

#[cfg(test)]
mod tests {
    use contract::problem::ProblemCode;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_another_type_or_is_out_of_bounds_is_named_and_what_is_null_was_not_sent() {
        let value = json!({ "a": "x", "b": 3.5, "c": null, "d": 1e300, "e": [1, {}], "f": 5.0, "g": "no" });
        let mistakes = Mistakes::default();
        let object = Object::at(String::new(), &value, &mistakes).unwrap();
        assert_eq!((object.text("a"), object.text("c"), object.whole("f", 0..=9)), (Some("x"), None, Some(5)));
        assert_eq!(object.number("b", 0.0..=3.5), Some(3.5));
        assert_eq!(
            (object.number("a", 0.0..=1.0), object.whole("b", 0..=9), object.whole("d", 0..=9)),
            (None, None, None)
        );
        assert_eq!((object.flag("a"), object.choice("g", &[("yes", 1), ("maybe", 2)])), (None, None));
        assert_eq!(object.objects("e").unwrap().len(), 1);
        let error = mistakes.finish().unwrap_err();
        let (code, errors) = error.fields().unwrap();
        assert_eq!(code, ProblemCode::InvalidField);
        let pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/a", "/b", "/d", "/a", "/g", "/e/0"]);
        assert_eq!(errors[4].detail, "g must be one of yes, maybe");
        assert_eq!(errors[5].detail, "e[0] must be an object");
    }
}
