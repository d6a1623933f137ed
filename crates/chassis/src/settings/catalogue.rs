//! Reads `settings.toml` as it is meant for people: what a setting means stands above it, what it may be behind it.

use std::{ops::RangeInclusive, sync::LazyLock};

use toml::Value;

const TEXT: &str = include_str!("../settings.toml");
/// Begins the heading of a section.
const SECTION: &str = "# --- ";

/// One setting.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) section: &'static str,
    pub(super) key: &'static str,
    pub(super) default: Value,
    pub(super) allowed: Allowed,
    /// What it means, a line for each line of the comment.
    pub(super) meaning: Vec<&'static str>,
}

/// What a setting may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Allowed {
    Anything,
    Numbers(RangeInclusive<i64>),
    OneOf(Vec<&'static str>),
    /// Anything, and it is never printed.
    Secret,
}

/// Returns every setting, in the order of the file.
pub(super) fn settings() -> &'static [Setting] {
    static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| read(TEXT));
    &SETTINGS
}

/// Returns the comment at the head of the file.
pub(super) fn introduction() -> impl Iterator<Item = &'static str> {
    TEXT.lines().take_while(|line| !line.is_empty()).map(|line| line.trim_start_matches('#').trim_start())
}

/// Returns the setting of this name.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    settings().iter().find(|setting| setting.key == key)
}

fn read(text: &'static str) -> Vec<Setting> {
    let (mut section, mut meaning, mut settings) = ("", Vec::new(), Vec::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix(SECTION) {
            section = heading;
        } else if let Some(comment) = line.strip_prefix('#') {
            meaning.push(comment.trim_start());
        } else if let Some(setting) = setting(section, line, &mut meaning) {
            settings.push(setting);
        } else {
            meaning.clear();
        }
    }
    settings
}

fn setting(section: &'static str, line: &'static str, meaning: &mut Vec<&'static str>) -> Option<Setting> {
    let (key, rest) = line.split_once(" = ")?;
    let (value, allowed) = rest.split_once(" # ").unwrap_or((rest, ""));
    let default = toml::from_str::<toml::Table>(&format!("value = {value}")).ok()?.remove("value")?;
    Some(Setting { section, key, default, allowed: allowed_of(allowed), meaning: std::mem::take(meaning) })
}

fn allowed_of(text: &'static str) -> Allowed {
    let range = text.split_once("..=").and_then(|(from, to)| Some(from.parse().ok()?..=to.parse().ok()?));
    match (text, range) {
        ("secret", _) => Allowed::Secret,
        (_, Some(range)) => Allowed::Numbers(range),
        _ if text.contains(" | ") => Allowed::OneOf(text.split(" | ").collect()),
        _ => Allowed::Anything,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_file_is_toml_and_every_key_in_it_is_understood() {
        let table: toml::Table = toml::from_str(TEXT).unwrap();
        let keys: BTreeSet<_> = settings().iter().map(|setting| setting.key).collect();
        assert_eq!(keys, table.keys().map(String::as_str).collect());
        assert_eq!(keys.len(), settings().len(), "a key stands twice");
    }

    #[test]
    fn every_setting_has_a_section_a_meaning_and_a_default_that_is_allowed() {
        for Setting { section, key, default, allowed, meaning } in settings() {
            assert!(!section.is_empty() && !meaning.is_empty(), "{key} is not explained");
            match allowed {
                Allowed::Numbers(range) => assert!(range.contains(&default.as_integer().unwrap()), "{key}"),
                Allowed::OneOf(names) => assert!(names.contains(&default.as_str().unwrap()), "{key}"),
                Allowed::Secret => assert!(default.is_str(), "{key}"),
                Allowed::Anything => assert!(!default.is_integer(), "{key} has no bounds"),
            }
        }
    }
}
