//! What Rust files must look like.

use super::{Finding, SourceFile};

const LONG: usize = 400;
const TOO_LONG: usize = 600;

/// Names that say nothing about the thing.
const EMPTY_FILE_NAMES: &[&str] = &["common", "utils", "util", "helpers", "helper", "core", "types", "prelude", "misc"];
const EMPTY_ENDINGS: &[&str] = &["Manager", "Helper", "Handler", "Processor", "Data", "Info", "Impl"];

/// Returns the path and the length of a file that is long, but not yet too long.
pub(super) fn long(file: &SourceFile) -> Option<(&str, usize)> {
    let lines = file.text.lines().count();
    (file.path.ends_with(".rs") && lines > LONG && lines <= TOO_LONG).then_some((file.path.as_str(), lines))
}

pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    let path = file.path.as_str();
    let mut findings = Vec::new();
    if !file.text.starts_with("//!") {
        findings.push(Finding::new(path, "begins without a `//!` sentence that says what it is for"));
    }
    let lines = file.text.lines().count();
    if lines > TOO_LONG {
        findings.push(Finding::new(path, format!("has {lines} lines; {TOO_LONG} is the most")));
    }
    let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".rs");
    if name == "mod" {
        findings.push(Finding::new(path, "a folder `x/` has its file `x.rs` beside it, not `x/mod.rs`"));
    }
    if EMPTY_FILE_NAMES.contains(&name) {
        findings.push(Finding::new(path, format!("`{name}` says nothing: a thing lives with what it is about")));
    }
    if !path.starts_with("xtask/src/tidy/") {
        findings.extend(check_lines(path, &file.text));
    }
    findings
}

fn check_lines(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines: Vec<_> = text.lines().collect();
    // Below tests/src stand the programs that the tests of the whole use.
    let mut is_test = path.contains("/tests/");
    for (index, line) in lines.iter().copied().enumerate() {
        let number = index + 1;
        is_test |= line.trim() == "#[cfg(test)]";
        for mark in ["TODO", "FIXME", "XXX"] {
            if has_word(line, mark) && !line.contains("#") {
                findings.push(Finding::at(path, number, format!("{mark} without the number of an issue")));
            }
        }
        for attribute in ["#[ignore", "#[should_panic"] {
            if line.trim_start().starts_with(attribute) {
                findings.push(Finding::at(
                    path,
                    number,
                    format!("`{attribute}]`: a test runs, and says itself what must happen"),
                ));
            }
        }
        if is_test && line.contains("sleep(") && !is_excused(&lines, index) {
            findings.push(Finding::at(
                path,
                number,
                "a test that sleeps: wait for an event, with a limit; or say in a comment above what else this is",
            ));
        }
        if let Some(name) = declared_type(line)
            && let Some(ending) = EMPTY_ENDINGS.iter().find(|ending| name.ends_with(**ending))
        {
            findings.push(Finding::at(path, number, format!("`{name}`: `{ending}` hides what the thing does")));
        }
    }
    findings
}

/// A pause between two looks is no sleep, nor is one in paused time; anything else is explained in a comment above.
fn is_excused(lines: &[&str], index: usize) -> bool {
    let before = &lines[index.saturating_sub(8)..index];
    let is_look = before.iter().any(|line| line.contains("while ") || line.contains("loop {"));
    let is_explained = before.last().is_some_and(|line| line.trim_start().starts_with("// "));
    let is_paused = lines.iter().any(|line| line.contains("start_paused = true"));
    is_look || is_explained || is_paused || lines[index].trim_start().starts_with("//")
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|found| found == word)
}

/// The name behind `struct`, `enum` or `trait` at the beginning of a line.
fn declared_type(line: &str) -> Option<&str> {
    let rest = line.trim_start();
    let rest =
        ["pub(crate) ", "pub(super) ", "pub "].iter().find_map(|prefix| rest.strip_prefix(prefix)).unwrap_or(rest);
    let rest = ["struct ", "enum ", "trait "].iter().find_map(|prefix| rest.strip_prefix(prefix))?;
    rest.split(|letter: char| !letter.is_alphanumeric()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(path: &str, text: &str) -> Vec<String> {
        check(&SourceFile { path: path.into(), text: text.into() })
            .into_iter()
            .map(|finding| format!("{} {}", finding.place, finding.words))
            .collect()
    }

    fn finds(path: &str, text: &str, part: &str) {
        let found = words(path, text);
        assert!(found.iter().any(|finding| finding.contains(part)), "{part:?} is not in {found:?}");
    }

    #[test]
    fn a_tidy_file_has_no_findings() {
        assert_eq!(words("a/src/live.rs", "//! Live.\n\npub struct Hub;\n"), Vec::<String>::new());
    }

    #[test]
    fn every_rule_finds_its_breach() {
        finds("a/src/live.rs", "use x;\n", "without a `//!`");
        finds("a/src/live/mod.rs", "//! x\n", "not `x/mod.rs`");
        finds("a/src/utils.rs", "//! x\n", "says nothing");
        finds("a/src/live.rs", "//! x\n// TODO later\n", "live.rs:2 TODO");
        finds("a/src/live.rs", "//! x\n    #[ignore]\n", "a test runs");
        finds("a/tests/it/main.rs", "//! x\nthread::sleep(x);\n", "a test that sleeps");
        finds("a/src/live.rs", "//! x\n#[cfg(test)]\nmod tests { fn a() { sleep(x); } }\n", "a test that sleeps");
        finds("a/src/live.rs", "//! x\npub(crate) struct JobManager {\n", "`JobManager`");
        finds("a/src/live.rs", &"//! x\n".repeat(601), "601 lines");
    }

    #[test]
    fn a_pause_between_two_looks_is_no_sleep() {
        let look = "//! x\nwhile !is_there() {\n    sleep(x);\n}\n";
        assert_eq!(words("a/tests/it/main.rs", look), Vec::<String>::new());
        let explained = "//! x\n// The engine takes as long as a real one.\nsleep(x);\n";
        assert_eq!(words("a/tests/it/main.rs", explained), Vec::<String>::new());
    }

    #[test]
    fn a_long_file_is_only_mentioned() {
        let file = SourceFile { path: "a.rs".into(), text: "//! x\n".repeat(401) };
        assert!(check(&file).is_empty());
        assert_eq!(long(&file), Some(("a.rs", 401)));
    }
}
