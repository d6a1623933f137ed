//! The description of a model in several files: `<model>.json`.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
};

use contract::engine::ModelFiles;
use serde_json::Value;

use super::files::Problem;

/// No true description is longer.
const LONGEST_BYTES: u64 = 64 << 10;

const REMEDY: &str = "correct the .json, or delete it";

/// Whose a `.json` is. Other programs keep notes of their own beside a model, under the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// It says at least one thing that a description says, rightly or not.
    Us,
    /// It is an object of other things.
    AnotherProgram,
    /// It cannot be read as JSON.
    Nobody,
}

/// Returns whose this is.
pub(super) fn writer(path: &Path) -> Writer {
    let written: Option<Value> = read_text(path).ok().and_then(|text| serde_json::from_str(&text).ok());
    let (Some(Value::Object(written)), Ok(Value::Object(ours))) = (written, serde_json::to_value(every_role())) else {
        return Writer::Nobody;
    };
    // Notes from Civitai have a `model`, too, but it is an object.
    let is_ours = |(key, value): (&String, &Value)| ours.contains_key(key) && !value.is_object();
    if written.iter().any(is_ours) { Writer::Us } else { Writer::AnotherProgram }
}

/// Reads a description.
pub(super) fn read(path: &Path) -> Result<ModelFiles, Problem> {
    let wrong = |text: String| Problem { text, remedy: REMEDY.to_owned() };
    let text = read_text(path).map_err(|error| wrong(format!("its .json could not be read: {error}")))?;
    serde_json::from_str(&text).map_err(|error| wrong(format!("its .json does not describe a model: {error}")))
}

/// Returns the file that a description names, which lies within the folder of all models, wherever links may lead.
pub(super) fn locate(reference: &str, sidecar: &Path, models_dir: &Path) -> Result<PathBuf, Problem> {
    let wrong = |text: &str, remedy: &str| Err(Problem { text: text.to_owned(), remedy: remedy.to_owned() });
    let path = Path::new(reference);
    let is_plain =
        path.components().all(|part| matches!(part, Component::Normal(_) | Component::ParentDir | Component::CurDir));
    if reference.is_empty() || reference.contains('\0') || !is_plain {
        return wrong("the path must be relative to the folder of the .json", REMEDY);
    }
    let folder = sidecar.parent().unwrap_or(models_dir);
    let real = models_dir.canonicalize().and_then(|root| Ok((folder.join(path).canonicalize()?, root)));
    match real {
        Ok((path, root)) if path.starts_with(&root) => Ok(path),
        Ok(_) => {
            wrong("the path leads out of the models folder", "move the file into the models folder, without a link")
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            wrong("the file is missing", "put it there, or correct the .json")
        }
        Err(error) => wrong(&format!("the file could not be reached: {error}"), REMEDY),
    }
}

/// Returns each file that a description names, with its role.
pub(super) fn roles(files: &mut ModelFiles) -> [(&'static str, &mut Option<String>); 8] {
    [
        ("model", &mut files.model),
        ("diffusion_model", &mut files.diffusion_model),
        ("vae", &mut files.vae),
        ("taesd", &mut files.taesd),
        ("clip_l", &mut files.clip_l),
        ("clip_g", &mut files.clip_g),
        ("t5xxl", &mut files.t5xxl),
        ("llm", &mut files.llm),
    ]
}

fn every_role() -> ModelFiles {
    let mut files = ModelFiles::default();
    for (_, file) in roles(&mut files) {
        *file = Some(String::new());
    }
    files
}

/// Reads as much as a description may have.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST_BYTES).read_to_string(&mut text)?;
    Ok(text)
}
