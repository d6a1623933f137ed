//! Query parameters, read by name, with all mistakes named at once.

use std::{fmt::Display, str::FromStr};

use contract::problem::{FieldError, Fix};
use serde_json::Value;
use url::form_urlencoded;

use super::{
    json::shortened,
    problem::{self, Error},
    schema::nearest,
};

/// The query of a request, being read.
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
    fix: Vec<Fix>,
}

impl Query {
    /// Begins to read a query.
    pub(crate) fn new(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        Self { pairs, known: Vec::new(), errors: Vec::new(), fix: Vec::new() }
    }

    /// Returns the text of a parameter that may stand there once.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        let mut values = self.values(name);
        if values.len() > 1 {
            self.refuse(name, format!("{name} may stand in the query only once"), None);
        }
        let value = values.pop().filter(|value| !value.is_empty())?;
        if value.contains('\0') {
            self.refuse(name, format!("{name} must not contain the character U+0000"), None);
        }
        Some(value)
    }

    /// Returns a text of at most so many characters.
    pub(crate) fn short_text(&mut self, name: &'static str, most: usize) -> Option<String> {
        let text = self.text(name)?;
        if text.chars().count() > most {
            self.refuse(name, format!("{name} must have at most {most} characters"), None);
        }
        Some(text)
    }

    /// Returns a number within bounds.
    pub(crate) fn number(&mut self, name: &'static str, least: u32, most: u32) -> Option<u32> {
        let text = self.text(name)?;
        let number = text.parse::<i64>().ok();
        match number.and_then(|number| u32::try_from(number).ok()).filter(|number| (least..=most).contains(number)) {
            Some(number) => Some(number),
            None => {
                let near = number.map(|number| number.clamp(i64::from(least), i64::from(most)).into());
                self.refuse(name, format!("{name} must be a whole number between {least} and {most}"), near);
                None
            }
        }
    }

    /// Returns a number that is one of few.
    pub(crate) fn one_of(&mut self, name: &'static str, known: &[u32]) -> Option<u32> {
        let text = self.text(name)?;
        let number = text.parse::<u32>().ok();
        if number.is_some_and(|number| known.contains(&number)) {
            return number;
        }
        let near = number.and_then(|number| known.iter().min_by_key(|known| known.abs_diff(number)));
        let listed = known.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        self.refuse(name, format!("{name} must be one of {listed}"), near.copied().map(Value::from));
        None
    }

    /// Returns the values of a parameter that may stand there several times, or once with commas, each one of `known`.
    pub(crate) fn choices<T: Copy>(&mut self, name: &'static str, known: &[(&'static str, T)]) -> Vec<T> {
        let mut chosen = Vec::new();
        for word in self.values(name).iter().flat_map(|value| value.split(',')) {
            match known.iter().find(|(known, _)| *known == word) {
                Some((_, value)) => chosen.push(*value),
                None => {
                    let names = known.iter().map(|(name, _)| *name);
                    let listed = names.clone().collect::<Vec<_>>().join(", ");
                    let near = nearest(word, names).map(Value::from);
                    self.refuse(name, format!("{name} must be one of {listed}, not {:?}", shortened(word)), near);
                }
            }
        }
        chosen
    }

    /// Returns a value of a type that reads itself from text.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Option<T> {
        let mut values = self.values(name);
        if values.len() > 1 {
            self.refuse(name, format!("{name} may stand in the query only once"), None);
        }
        // An empty one is refused too: it says neither which nor that it does not matter.
        match values.pop()?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(name, format!("{name}: {error}"), None);
                None
            }
        }
    }

    /// Ends the reading: fails if anything was wrong, or if a parameter is left that nobody asked for.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        let unknown: Vec<String> = self.pairs.drain(..).map(|(name, _)| name).collect();
        for name in unknown {
            let detail = match nearest(&name, self.known.iter().copied()) {
                Some(near) => format!("there is no query parameter {:?}; did you mean {near}?", shortened(&name)),
                None => {
                    format!("there is no query parameter {:?}; there are {}", shortened(&name), self.known.join(", "))
                }
            };
            self.errors.push(FieldError { pointer: shortened(&name), detail });
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Error::invalid(self.errors, self.fix)) }
    }

    fn values(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        self.pairs.extract_if(.., |(key, _)| key == name).map(|(_, value)| value).collect()
    }

    fn refuse(&mut self, name: &str, detail: String, near: Option<Value>) {
        self.errors.push(FieldError { pointer: name.to_owned(), detail });
        self.fix.extend(near.map(|near| problem::set(name, near)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_of_a_query_is_named_at_once() {
        let mut query = Query::new(Some("limit=0&state=queued,runing&stat=1&text=a&text=b"));
        assert_eq!(query.number("limit", 1, 200), None);
        assert_eq!(query.choices("state", &[("queued", 1), ("running", 2)]), [1]);
        assert_eq!(query.text("text").as_deref(), Some("b"));
        let (_, detail) = query.finish().unwrap_err().into_words();
        assert_eq!(detail, "4 fields are wrong: see errors");
    }

    #[test]
    fn an_ordinary_query_is_read() {
        let mut query = Query::new(Some("limit=20&state=queued&state=running&text=a+b%20c&cursor="));
        assert_eq!(query.number("limit", 1, 200), Some(20));
        assert_eq!(query.choices("state", &[("queued", 1), ("running", 2)]), [1, 2]);
        assert_eq!(query.text("text").as_deref(), Some("a b c"));
        assert_eq!(query.text("cursor"), None);
        assert!(query.finish().is_ok());
    }
}
