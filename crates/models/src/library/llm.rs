//! The language models in the folder `llm`: files that write, eyes that see for them, and what a person wants of each.

mod cache;
mod eyes;
mod find;
pub mod memory;
mod preset;

use std::path::{Path, PathBuf};

use self::{
    eyes::Beside,
    find::{Found, Models},
};
use super::{Error, broken, check_id, files, files::Problem, memory::Memory, nearest};
use crate::header::{Eye, Header, Language, Pooling};

pub use cache::CacheType;
pub use preset::Preset;

/// Language models lie below this folder.
const FOLDER: &str = "llm";
const NOUN: &str = "language model";

/// A language model that can be used.
#[derive(Debug, Clone, PartialEq)]
pub struct LlmModel {
    /// The path below `llm` without the ending, and without the number of the part.
    pub id: String,
    /// What it calls itself.
    pub name: String,
    /// Its checked files as absolute paths: one, or all parts in their order. llama-server takes the first.
    pub files: Vec<String>,
    /// What sees for it, if anything does.
    pub mmproj: Option<Mmproj>,
    /// What its files say about it; parameters are those of all of them.
    pub metadata: Language,
    /// What a person wants of it.
    pub preset: Preset,
    /// Size of all its files, without what sees for it.
    pub size_bytes: u64,
}

/// The checked file that sees for a language model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mmproj {
    /// Its absolute path.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// What it says about itself.
    pub eye: Eye,
}

/// A language model as a list has it, usable or not.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedLlm {
    /// Its id.
    pub id: String,
    /// Size of all its files.
    pub size_bytes: u64,
    /// The model, or why it cannot be used and what to do about it.
    pub model: Result<LlmModel, String>,
}

impl LlmModel {
    /// Returns how it makes one vector out of many tokens, where its preset or its file says so.
    #[must_use]
    pub fn pooling(&self) -> Option<Pooling> {
        self.preset.pooling.or(self.metadata.pooling).filter(|pooling| *pooling != Pooling::None)
    }

    /// Returns whether it is loaded to make vectors also by whoever wants it to write.
    #[must_use]
    pub fn makes_vectors(&self) -> bool {
        self.preset.embeddings || self.pooling().is_some()
    }
}

/// The folder of language models.
#[derive(Debug)]
pub(super) struct Llms {
    models_dir: PathBuf,
    memory: Memory,
}

impl Llms {
    pub(super) fn new(models_dir: &Path) -> Self {
        Self { models_dir: models_dir.to_owned(), memory: Memory::default() }
    }

    /// Returns every model, by id.
    pub(super) fn list(&self) -> Result<Vec<ListedLlm>, Error> {
        let models = self.scan()?;
        self.memory.begin();
        let writing = models.iter().filter(|(_, found)| !self.is_eye(found));
        let listed = writing.map(|(id, found)| self.describe(id, found, &models)).collect();
        self.memory.forget_the_rest();
        Ok(listed)
    }

    /// Returns the model of this id, if it can be used.
    pub(super) fn resolve(&self, id: &str) -> Result<LlmModel, Error> {
        let models = self.scan()?;
        let Some(found) = models.get(id) else {
            return Err(Error::Unknown { noun: NOUN, id: id.to_owned(), nearest: nearest::to(id, models.keys()) });
        };
        self.check(id, found, &models).map_err(|problem| broken(NOUN, id, problem))
    }

    fn scan(&self) -> Result<Models, Error> {
        let folder = self.models_dir.join(FOLDER);
        find::models(&folder).map_err(|source| Error::Folder { path: folder, source })
    }

    /// The content decides, and the name only where the content cannot be read.
    fn is_eye(&self, found: &Found) -> bool {
        let Some(path) = found.files.first() else { return false };
        match self.memory.check(path) {
            Ok(header) => eye_of(&header).is_some(),
            Err(_) => eyes::has_name_of_an_eye(path),
        }
    }

    fn describe(&self, id: &str, found: &Found, models: &Models) -> ListedLlm {
        let model = self.check(id, found, models).map_err(|problem| format!("{}; {}", problem.text, problem.remedy));
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |found| found.len());
        ListedLlm { id: id.to_owned(), size_bytes: found.files.iter().map(size).sum(), model }
    }

    fn check(&self, id: &str, found: &Found, models: &Models) -> Result<LlmModel, Problem> {
        check_id(id)?;
        found.must_be_whole()?;
        let headers = self.headers(found)?;
        let Some(first) = headers.first() else { return Err(problem("it has no file", "this is a bug")) };
        let mut metadata = must_write(first)?.clone();
        let of_parts = headers.iter().filter_map(|header| header.language.as_ref()).map(|language| language.parameters);
        metadata.parameters = of_parts.fold(0, u64::saturating_add);
        let preset = match &found.description {
            Some(path) => preset::read(path, &metadata)?,
            None => Preset::default(),
        };
        let mmproj = self.mmproj(found, &preset, &metadata, models)?;
        let last_of_id = id.rsplit('/').next().unwrap_or(id);
        Ok(LlmModel {
            id: id.to_owned(),
            name: metadata.name.clone().unwrap_or_else(|| last_of_id.to_owned()),
            files: found.files.iter().map(|path| files::text(path)).collect::<Result<_, _>>()?,
            size_bytes: headers.iter().fold(0, |sum, header| header.size_bytes.saturating_add(sum)),
            mmproj,
            metadata,
            preset,
        })
    }

    /// Returns the headers of all parts, which must be parts of one model.
    fn headers(&self, found: &Found) -> Result<Vec<Header>, Problem> {
        let count = found.files.len() as u64;
        let headers = found.files.iter().zip(0_u64..).map(|(path, number)| {
            let named = |problem: Problem| match count {
                1 => problem,
                _ => Problem { text: format!("part {} of {count}: {}", number + 1, problem.text), ..problem },
            };
            let header = self.memory.check(path).map_err(named)?;
            let split = header.language.as_ref().and_then(|language| language.split);
            let is_that_part = match split {
                Some(split) => (split.number, split.count) == (number, count),
                None => count == 1,
            };
            if is_that_part {
                return Ok(header);
            }
            let inside = split.map_or_else(
                || "a model in one file".to_owned(),
                |split| format!("part {} of {}", split.number.saturating_add(1), split.count),
            );
            let text = format!("its name says part {} of {count}, and its header {inside}", number + 1);
            Err(problem(&text, "give the parts the names back under which they were made"))
        });
        headers.collect()
    }

    fn mmproj(
        &self,
        found: &Found,
        preset: &Preset,
        metadata: &Language,
        models: &Models,
    ) -> Result<Option<Mmproj>, Problem> {
        let path = match (&preset.mmproj, &found.description) {
            (Some(none), _) if none.is_empty() => None,
            (Some(reference), Some(description)) => Some(
                super::sidecar::locate(reference, description, &self.models_dir)
                    .map_err(|problem| Problem { text: format!("mmproj {reference}: {}", problem.text), ..problem })?,
            ),
            _ => self.beside(found, models).eye_for(found, metadata),
        };
        path.map(|path| self.load_mmproj(&path)).transpose()
    }

    fn load_mmproj(&self, path: &Path) -> Result<Mmproj, Problem> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let named = |problem: Problem| Problem { text: format!("mmproj {name}: {}", problem.text), ..problem };
        let header = self.memory.check(path).map_err(named)?;
        let Some(eye) = eye_of(&header).cloned() else {
            return Err(named(problem("it sees nothing", "name the mmproj of the model, or none")));
        };
        Ok(Mmproj { path: files::text(path)?, size_bytes: header.size_bytes, eye })
    }

    /// Returns what lies in the folder of a model.
    fn beside<'a>(&self, found: &Found, models: &'a Models) -> Beside<'a> {
        let folder = found.files.first().and_then(|path| path.parent());
        let mut beside = Beside::new(folder == Some(self.models_dir.join(FOLDER).as_path()));
        for (path, other) in models.values().filter_map(|other| Some((other.files.first()?, other))) {
            if path.parent() != folder {
                continue;
            }
            if self.is_eye(other) {
                let header = self.memory.check(path).ok();
                beside.add_eye(path, header.as_ref().and_then(eye_of).and_then(|eye| eye.width));
            } else {
                beside.add_model(path);
            }
        }
        beside
    }
}

fn eye_of(header: &Header) -> Option<&Eye> {
    header.language.as_ref()?.eye.as_ref()
}

/// Refuses what writes nothing where words are wanted.
fn must_write(header: &Header) -> Result<&Language, Problem> {
    if let Some(language) = header.language.as_deref().filter(|_| header.is_language_model) {
        return Ok(language);
    }
    if header.language.as_ref().is_some_and(|language| language.eye.is_some()) {
        return Err(problem("it only sees for a language model", "name the model itself"));
    }
    let kind = header.architecture.as_deref().map_or_else(String::new, |name| format!(" ({name})"));
    let text = format!("it is no language model{kind}, and writes no text");
    Err(problem(&text, "choose a language model; picture models belong into the folder checkpoints"))
}

fn problem(text: &str, remedy: &str) -> Problem {
    Problem { text: text.to_owned(), remedy: remedy.to_owned() }
}
