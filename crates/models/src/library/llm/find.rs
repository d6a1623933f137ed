//! Finds what may be a language model, by name alone.

use std::{collections::BTreeMap, io, path::Path, path::PathBuf};

use super::problem;
use crate::library::{files::Problem, scan};

const ENDINGS: &[&str] = &["gguf"];

/// What was found, by id.
pub(super) type Models = BTreeMap<String, Found>;

/// Something that may be a language model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// One file, or the parts that are there, in their order.
    pub(super) files: Vec<PathBuf>,
    /// The first part that is not there.
    missing: Option<String>,
    /// `<model>.json` beside it.
    pub(super) description: Option<PathBuf>,
}

/// The number of a part, how many there are, and what stands before that in the name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    stem: String,
    number: usize,
    count: usize,
}

/// Returns what may be a language model below a folder; nothing if the folder is not there.
pub(super) fn models(folder: &Path) -> io::Result<Models> {
    let mut models = Models::new();
    let mut several: BTreeMap<(String, usize), BTreeMap<usize, PathBuf>> = BTreeMap::new();
    for scan::Named { name, id, path } in scan::named(folder, ENDINGS)? {
        match part(&id) {
            Some(Part { stem, number, count }) => {
                several.entry((stem, count)).or_default().insert(number, path);
            }
            None => add(&mut models, id, name, folder, Found { files: vec![path], ..Found::default() }),
        }
    }
    for ((stem, count), parts) in several {
        let missing = (1..=count).find(|number| !parts.contains_key(number));
        let missing = missing.map(|number| format!("{}.gguf", name_of_part(&stem, number, count)));
        let found = Found { files: parts.into_values().collect(), missing, description: None };
        let name = name_of_part(&stem, 1, count);
        add(&mut models, stem, name, folder, found);
    }
    Ok(models)
}

/// The first of an id has it; another is called by its whole name.
fn add(models: &mut Models, id: String, name: String, folder: &Path, found: Found) {
    let description = Some(folder.join(format!("{id}.json"))).filter(|path| path.is_file());
    let id = if models.contains_key(&id) { name } else { id };
    models.insert(id, Found { description, ..found });
}

fn name_of_part(stem: &str, number: usize, count: usize) -> String {
    format!("{stem}-{number:05}-of-{count:05}")
}

/// Reads `stem-00001-of-00003`.
fn part(id: &str) -> Option<Part> {
    let (rest, count) = id.rsplit_once("-of-")?;
    let (stem, number) = rest.rsplit_once('-')?;
    let read = |digits: &str| {
        let is_written_so = digits.len() == 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_written_so.then(|| digits.parse::<usize>().ok()).flatten()
    };
    let (number, count) = (read(number)?, read(count)?);
    (1..=count).contains(&number).then(|| Part { stem: stem.to_owned(), number, count })
}

impl Found {
    /// Fails if a part is not there.
    pub(super) fn must_be_whole(&self) -> Result<(), Problem> {
        let Some(missing) = &self.missing else { return Ok(()) };
        let name = missing.rsplit('/').next().unwrap_or(missing);
        Err(problem(&format!("a part of it is missing: {name}"), "download it, too; all parts belong into one folder"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_the_form_of_their_names() {
        let expected = Part { stem: "big/qwen".to_owned(), number: 2, count: 3 };
        assert_eq!(part("big/qwen-00002-of-00003"), Some(expected));
        for other in ["qwen", "qwen-2-of-3", "qwen-00004-of-00003", "qwen-00000-of-00003", "best-of-00003", "-of-"] {
            assert_eq!(part(other), None, "{other}");
        }
    }
}
