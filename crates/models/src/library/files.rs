//! Checks the files of one model.

use std::path::Path;

use contract::{
    engine::ModelFiles,
    model::{Family, ModelFormat},
};
use serde_json::{Map, Value};

use super::{memory::Memory, sidecar};
use crate::header::Header;

/// Why a model cannot be used, in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) text: String,
    pub(super) remedy: String,
}

/// A model that can be used.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) files: ModelFiles,
    pub(super) format: ModelFormat,
    pub(super) size_bytes: u64,
    pub(super) family: Family,
    /// What suits it, by the names of the fields of a job.
    pub(super) defaults: Map<String, Value>,
}

/// Checks a model in one file.
pub(super) fn single(path: &Path, memory: &Memory) -> Result<Checked, Problem> {
    let header = memory.check(path)?;
    must_paint(&header)?;
    let files = ModelFiles { model: Some(text(path)?), ..ModelFiles::default() };
    let Header { format, size_bytes, family, .. } = header;
    Ok(Checked { files, format, size_bytes, family, defaults: Map::new() })
}

/// Checks a model in several files.
pub(super) fn several(description: &Path, models_dir: &Path, memory: &Memory) -> Result<Checked, Problem> {
    let mut files = sidecar::read(description)?;
    if files.model.is_none() && files.diffusion_model.is_none() {
        let text = "its .json names neither a model nor a diffusion_model".to_owned();
        return Err(Problem { text, remedy: "name the file that paints".to_owned() });
    }
    let (mut format, mut family, mut size_bytes) = (None, Family::Unknown, 0_u64);
    for (role, file) in sidecar::roles(&mut files) {
        let Some(reference) = file else { continue };
        let named = |problem: Problem| Problem { text: format!("{role} {reference}: {}", problem.text), ..problem };
        let path = sidecar::locate(reference, description, models_dir).map_err(named)?;
        let header = memory.check(&path).map_err(named)?;
        if matches!(role, "model" | "diffusion_model") {
            must_paint(&header).map_err(named)?;
            format = format.or(Some(header.format));
            family = if family == Family::Unknown { header.family } else { family };
        }
        size_bytes = size_bytes.saturating_add(header.size_bytes);
        *file = Some(text(&path)?);
    }
    // It concerns who asks for pictures, not who paints them.
    let defaults = std::mem::take(&mut files.defaults);
    Ok(Checked { files, format: format.unwrap_or(ModelFormat::Safetensors), size_bytes, family, defaults })
}

/// Refuses what reads and writes words where pictures are wanted.
fn must_paint(header: &Header) -> Result<(), Problem> {
    if !header.is_language_model {
        return Ok(());
    }
    let kind = header.architecture.as_deref().map_or_else(String::new, |name| format!(" ({name})"));
    Err(Problem {
        text: format!("it is a language model{kind}, which paints no pictures"),
        remedy: "choose a picture model; as a text encoder, name it as `llm` in the .json of one".to_owned(),
    })
}

pub(super) fn text(path: &Path) -> Result<String, Problem> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Problem {
        text: "its path is no Unicode".to_owned(),
        remedy: "rename the folders that lead to it".to_owned(),
    })
}
