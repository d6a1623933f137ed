//! Lays one source of settings over another, and remembers where each value came from.

use std::{collections::BTreeMap, fs, path::Path};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{
    catalogue::{self, Allowed, Setting},
    error::{Error, Origin},
};

const PREFIX: &str = "ATELIER_";
/// Variables of the same beginning that are no settings: the file itself, those of the command line client, and those of
/// the fault run, which only debug builds obey.
const OTHERS: &[&str] =
    &[super::FILE_VARIABLE, "ATELIER_SERVER", "ATELIER_KEY", "ATELIER_FAILPOINT", "ATELIER_WITHOUT_RECONCILE"];
/// Variables of tests, which must not stop a service that is started by them.
const TEST_PREFIX: &str = "ATELIER_TEST_";
/// Names that everybody knows. The setting's own name wins.
const FAMILIAR: &[(&str, &str)] = &[("PORT", "port"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp_endpoint")];

/// The value of every setting, with where it comes from.
pub(super) struct Layers(BTreeMap<&'static str, (Value, Origin)>);

impl Layers {
    pub(super) fn defaults() -> Self {
        let defaults = catalogue::settings().iter();
        Self(defaults.map(|setting| (setting.key, (setting.default.clone(), Origin::Default))).collect())
    }

    pub(super) fn read_file(&mut self, path: &Path) -> Result<(), Error> {
        let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let table: Table = toml::from_str(&text).map_err(|error| Error::Syntax {
            path: path.to_owned(),
            line: text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default().matches('\n').count() + 1,
            problem: error.message().to_owned(),
        })?;
        for (name, value) in table {
            let setting = catalogue::find(&name).ok_or_else(|| unknown(&name, Origin::file(path), str::to_owned))?;
            self.set(setting, value, Origin::file(path))?;
        }
        Ok(())
    }

    pub(super) fn read_environment(
        &mut self,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), Error> {
        let set: BTreeMap<_, _> = environment.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        for (name, key) in FAMILIAR {
            if let (Some(text), Some(setting)) = (set.get(*name), catalogue::find(key)) {
                self.set_text(setting, text, (*name).to_owned())?;
            }
        }
        for (name, text) in &set {
            let Some(key) = name.strip_prefix(PREFIX) else { continue };
            if OTHERS.contains(&name.as_str()) || name.starts_with(TEST_PREFIX) {
                continue;
            }
            let setting = catalogue::find(&key.to_lowercase()).ok_or_else(|| {
                unknown(name, Origin::Variable(name.clone()), |key| format!("{PREFIX}{}", key.to_uppercase()))
            })?;
            self.set_text(setting, text, name.clone())?;
        }
        Ok(())
    }

    /// Returns the text of a setting; empty where it is no text.
    pub(super) fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(|(value, _)| value.as_str()).unwrap_or_default()
    }

    /// Sets what follows from other settings; the origin stays.
    pub(super) fn derive(&mut self, key: &str, text: String) {
        if let Some((value, _)) = self.0.get_mut(key) {
            *value = Value::String(text);
        }
    }

    /// Returns the settings that `T` names.
    pub(super) fn extract<T: DeserializeOwned>(self) -> Result<T, Error> {
        let origins: BTreeMap<_, _> = self.0.iter().map(|(key, (_, origin))| (*key, origin.clone())).collect();
        let table: Table = self.0.into_iter().map(|(key, (value, _))| (key.to_owned(), value)).collect();
        serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
            let key = error.path().to_string();
            let problem = error.inner().message();
            match origins.get(key.split('[').next().unwrap_or_default()) {
                Some(origin) => Error::Invalid { origin: origin.clone(), problem: format!("is wrong: {problem}"), key },
                None => Error::Undeclared(problem.to_owned()),
            }
        })
    }

    fn set_text(&mut self, setting: &'static Setting, text: &str, name: String) -> Result<(), Error> {
        let value = match &setting.default {
            Value::Integer(_) => text.trim().parse().map(Value::Integer).ok(),
            Value::Boolean(_) => match text.trim() {
                "true" | "1" => Some(Value::Boolean(true)),
                "false" | "0" => Some(Value::Boolean(false)),
                _ => None,
            },
            Value::Array(_) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Some(Value::Array(parts.map(|part| Value::String(part.to_owned())).collect()))
            }
            _ => Some(Value::String(text.to_owned())),
        };
        // What cannot be read stays a text, so that it is refused in the same words as in a file.
        self.set(setting, value.unwrap_or_else(|| Value::String(text.to_owned())), Origin::Variable(name))
    }

    fn set(&mut self, setting: &'static Setting, value: Value, origin: Origin) -> Result<(), Error> {
        if let Some(problem) = problem(setting, &value) {
            return Err(Error::Invalid { key: setting.key.to_owned(), origin, problem });
        }
        self.0.insert(setting.key, (value, origin));
        Ok(())
    }
}

/// Returns what is wrong with a value, as the end of the sentence "the setting … ".
fn problem(setting: &Setting, value: &Value) -> Option<String> {
    let expected = match (&setting.allowed, &setting.default, value) {
        (Allowed::Numbers(range), _, Value::Integer(number)) if range.contains(number) => return None,
        (Allowed::Numbers(range), ..) => format!("a whole number from {} to {}", range.start(), range.end()),
        (Allowed::OneOf(names), _, Value::String(name)) if names.contains(&name.as_str()) => return None,
        (Allowed::OneOf(names), ..) => format!("one of {}", names.join(", ")),
        (_, Value::Array(_), Value::Array(parts)) if parts.iter().all(Value::is_str) => return None,
        (_, Value::Array(_), _) => "a list of texts".to_owned(),
        (_, default, value) if default.same_type(value) => return None,
        (_, Value::Boolean(_), _) => "true or false".to_owned(),
        _ => "a text".to_owned(),
    };
    match setting.allowed {
        Allowed::Secret => Some(format!("must be {expected}")),
        _ => Some(format!("must be {expected}, not {value}")),
    }
}

fn unknown(name: &str, origin: Origin, write: impl Fn(&str) -> String) -> Error {
    let names = catalogue::settings().iter().map(|setting| write(setting.key));
    let nearest = names
        .map(|known| (strsim::damerau_levenshtein(name, &known), known))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, known)| known);
    Error::Unknown { name: name.to_owned(), origin, nearest }
}
