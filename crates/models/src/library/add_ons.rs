//! What adds to models: LoRAs, upscalers, embeddings. A folder for each.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use contract::model::{AddOn, ModelFormat};

use super::{Error, broken, check_id, files, files::Problem, memory::Memory, nearest, scan};
use crate::header::Header;

/// A checked file that adds to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddOnFile {
    /// Its id, whatever part of it was asked for.
    pub id: String,
    /// Its absolute path.
    pub path: String,
}

/// The files in one folder.
#[derive(Debug)]
pub(super) struct AddOns {
    folder: PathBuf,
    noun: &'static str,
    must_be: fn(&Header) -> Result<(), Problem>,
    memory: Memory,
}

impl AddOns {
    pub(super) fn loras(models_dir: &Path) -> Self {
        Self { folder: models_dir.join("lora"), noun: "LoRA", must_be: must_be_a_lora, memory: Memory::default() }
    }

    pub(super) fn upscalers(models_dir: &Path) -> Self {
        Self { folder: models_dir.join("esrgan"), noun: "upscaler", must_be: |_| Ok(()), memory: Memory::default() }
    }

    pub(super) fn embeddings(models_dir: &Path) -> Self {
        let folder = models_dir.join("embeddings");
        Self { folder, noun: "embedding", must_be: |_| Ok(()), memory: Memory::default() }
    }

    /// Returns every file, by id.
    pub(super) fn list(&self) -> Result<Vec<AddOn>, Error> {
        let found = self.scan()?;
        self.memory.begin();
        let add_ons = found.iter().map(|(id, path)| self.describe(id, path)).collect();
        self.memory.forget_the_rest();
        Ok(add_ons)
    }

    /// Returns the file of this id, or the only one of this name in any folder.
    pub(super) fn resolve(&self, name: &str) -> Result<AddOnFile, Error> {
        let found = self.scan()?;
        let (id, path) = match found.get_key_value(name) {
            Some(found) => found,
            None => {
                let alike: Vec<_> = found.iter().filter(|(id, _)| without_folder(id) == name).collect();
                match alike.as_slice() {
                    [only] => *only,
                    [] => return Err(self.unknown(name, nearest::to(name, found.keys()))),
                    several => return Err(self.unknown(name, several.iter().map(|(id, _)| (*id).clone()).collect())),
                }
            }
        };
        match self.check(id, path).and_then(|_| files::text(path)) {
            Ok(path) => Ok(AddOnFile { id: id.clone(), path }),
            Err(problem) => Err(broken(self.noun, id, problem)),
        }
    }

    /// Returns every file that can be used.
    pub(super) fn usable(&self) -> Result<Vec<AddOnFile>, Error> {
        let found = self.scan()?;
        let checked = found.iter().filter_map(|(id, path)| {
            let path = self.check(id, path).and_then(|_| files::text(path)).ok()?;
            Some(AddOnFile { id: id.clone(), path })
        });
        Ok(checked.collect())
    }

    fn scan(&self) -> Result<BTreeMap<String, PathBuf>, Error> {
        scan::scan_add_ons(&self.folder).map_err(|source| Error::Folder { path: self.folder.clone(), source })
    }

    fn check(&self, id: &str, path: &Path) -> Result<Header, Problem> {
        check_id(id)?;
        let header = self.memory.check(path)?;
        (self.must_be)(&header)?;
        Ok(header)
    }

    fn describe(&self, id: &str, path: &Path) -> AddOn {
        let id = id.to_owned();
        match self.check(&id, path) {
            Ok(header) => AddOn { id, format: header.format, size_bytes: header.size_bytes, fit: None, problem: None },
            Err(problem) => AddOn {
                id,
                format: ModelFormat::Safetensors,
                size_bytes: std::fs::metadata(path).map_or(0, |found| found.len()),
                fit: None,
                problem: Some(format!("{}; {}", problem.text, problem.remedy)),
            },
        }
    }

    fn unknown(&self, name: &str, nearest: Vec<String>) -> Error {
        Error::Unknown { noun: self.noun, id: name.to_owned(), nearest }
    }
}

/// The engine passes over what it does not know, so that a wrong file would change nothing and nobody would hear of it.
fn must_be_a_lora(header: &Header) -> Result<(), Problem> {
    if header.is_lora {
        return Ok(());
    }
    let text = "it has no tensor of a LoRA".to_owned();
    Err(Problem { text, remedy: "put a LoRA in its place; models belong into the folder checkpoints".to_owned() })
}

fn without_folder(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}
