//! What documents must keep true: that what they point at is there.

use std::path::{Component, Path, PathBuf};

use super::{Finding, SourceFile};

pub(super) fn check(file: &SourceFile, all: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut is_code = false;
    for (index, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        for target in links(line).filter(|target| !exists_below(&file.path, target, all)) {
            findings.push(Finding::at(&file.path, index + 1, format!("the link to {target} leads nowhere")));
        }
        for quoted in quoted(line) {
            if names_a_file(quoted) && !exists_below("", quoted, all) {
                findings.push(Finding::at(&file.path, index + 1, format!("there is no file `{quoted}`")));
            }
        }
        // An invariant names the tests that hold it, after the words "held by".
        for test in line.split_once("eld by").map_or("", |(_, rest)| rest).split('`').skip(1).step_by(2) {
            if names_a_test(test) && !all.iter().any(|file| file.text.contains(&format!("fn {test}("))) {
                findings.push(Finding::at(&file.path, index + 1, format!("there is no test `{test}`")));
            }
        }
    }
    findings
}

/// The targets of `[text](target)` within the repository, without their anchors.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?.split('#').next()?;
        let is_ours = !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:");
        is_ours.then_some(target)
    })
}

fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// A path with a folder and an ending that our sources have, and no place to fill in.
fn names_a_file(text: &str) -> bool {
    let is_path =
        text.contains('/') && !text.contains(['<', '*', '{', ' ', '$', ':']) && !text.starts_with(['/', '~', '.']);
    let is_ours = ["crates/", "services/", "engines/", "cli/", "xtask/", "tests/", "benches/", "deploy/", "docs/"];
    is_path && is_ours.iter().any(|folder| text.starts_with(folder))
}

fn names_a_test(text: &str) -> bool {
    text.matches('_').count() >= 2
        && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

/// Whether a file or folder of the repository stands at `target`, seen from the document `from`.
fn exists_below(from: &str, target: &str, all: &[SourceFile]) -> bool {
    let folder = Path::new(from).parent().unwrap_or(Path::new(""));
    let mut path = PathBuf::new();
    for part in folder.join(target).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    all.iter().any(|file| Path::new(&file.path).starts_with(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let all = [
            SourceFile { path: "crates/queue/src/lib.rs".into(), text: "fn a_job_runs_once() {}".into() },
            SourceFile { path: "docs/cli.md".into(), text: String::new() },
        ];
        let document = SourceFile { path: "docs/guide.md".into(), text: text.into() };
        check(&document, &all).into_iter().map(|finding| finding.words).collect()
    }

    #[test]
    fn what_is_there_may_be_pointed_at() {
        assert!(words("[a](cli.md#x) [b](../crates/queue) [c](https://example.org/x) [d](#here)").is_empty());
        assert!(words("`crates/queue/src/lib.rs`, `crates/queue`, held by `a_job_runs_once`").is_empty());
        assert!(words("```\n[a](nowhere.md)\n```").is_empty());
    }

    #[test]
    fn what_is_not_there_is_named() {
        assert_eq!(words("[a](nowhere.md)"), ["the link to nowhere.md leads nowhere"]);
        assert_eq!(words("see `crates/queue/src/gone.rs`"), ["there is no file `crates/queue/src/gone.rs`"]);
        assert_eq!(words("Held by `a_job_runs_twice`."), ["there is no test `a_job_runs_twice`"]);
    }
}
