//! `cargo xtask tidy`: the rules of STYLE.md that a program can see.

mod documents;
mod manifests;
mod rust;

use std::{fs, path::Path};

use anyhow::{Context, bail};

use crate::{program, repository};

/// What is wrong with a file.
struct Finding {
    place: String,
    words: String,
}

impl Finding {
    fn new(path: &str, words: impl Into<String>) -> Self {
        Self { place: path.into(), words: words.into() }
    }

    fn at(path: &str, line: usize, words: impl Into<String>) -> Self {
        Self { place: format!("{path}:{line}"), words: words.into() }
    }
}

/// A file of the repository, read.
struct SourceFile {
    /// From the root, with `/`.
    path: String,
    text: String,
}

/// Fails with everything that is not tidy.
pub(crate) fn check() -> anyhow::Result<()> {
    let files = read_files()?;
    let mut findings = Vec::new();
    for file in &files {
        findings.extend(match file.path.rsplit('.').next() {
            Some("rs") => rust::check(file),
            Some("md") => documents::check(file, &files),
            Some("toml") => manifests::check(file),
            _ => Vec::new(),
        });
        findings.extend(places_of_one_machine(file));
    }
    for (path, lines) in files.iter().filter_map(rust::long) {
        println!("  {path}: {lines} lines; is there a subject that wants its own file?");
    }
    if !findings.is_empty() {
        let list: Vec<_> = findings.iter().map(|finding| format!("{}: {}", finding.place, finding.words)).collect();
        bail!("not tidy (STYLE.md says why):\n  {}", list.join("\n  "));
    }
    println!("{} files are tidy", files.len());
    Ok(())
}

/// Every text file that git keeps or would keep.
fn read_files() -> anyhow::Result<Vec<SourceFile>> {
    let root = repository::root();
    let list = program::read(
        std::process::Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .current_dir(&root),
    )?;
    let mut files = Vec::new();
    for path in list.lines().filter(|path| root.join(path).is_file()) {
        let bytes = fs::read(root.join(path)).with_context(|| format!("could not read {path}"))?;
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(SourceFile { path: path.to_owned(), text });
        }
    }
    Ok(files)
}

/// Folders that exist on one person's machine only.
fn places_of_one_machine(file: &SourceFile) -> Vec<Finding> {
    if Path::new(&file.path).ends_with("xtask/src/tidy.rs") {
        return Vec::new();
    }
    let places = ["/root/", "/work/", "/home/", "/Users/"];
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if let Some(place) = places.iter().find(|place| begins_a_path(line, place)) {
            findings.push(Finding::at(&file.path, index + 1, format!("{place} is a folder of one machine")));
        }
    }
    findings
}

/// `/home/` at the beginning of a path, not in the middle of one (`docs/home/`).
fn begins_a_path(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|letter| !(letter.is_alphanumeric() || "_-.~/})".contains(letter)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_one_machine_is_found_and_a_folder_of_the_repository_is_not() {
        let find = |text: &str| places_of_one_machine(&SourceFile { path: "x.sh".into(), text: text.into() }).len();
        assert_eq!(find("cd /root/atelier"), 1);
        assert_eq!(find("PATH=/home/me/bin"), 1);
        assert_eq!(find("see docs/home/index.md and $HOME/x"), 0);
    }
}
