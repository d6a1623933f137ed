//! The smoke models: the smallest things that the engines take for a model. The pictures of one are noise, and the other
//! repeats ten sentences.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::{Value, json};

/// The file that makes it a picture model, below the models folder.
/// The files of the language model, in the folder of such models.
const TEXT_FILES: [&str; 2] = ["smoke.gguf", "mmproj-smoke.gguf"];
const SIDECAR: &str = "checkpoints/smoke.json";

/// The endings of files that are a picture model, or make one of several files.
const PICTURE_ENDINGS: &[&str] = &["safetensors", "gguf", "json"];
const LANGUAGE_ENDINGS: &[&str] = &["gguf"];

/// Writes the picture model if there is no picture model at all. Returns whether it is the only one.
pub(crate) fn write_if_there_is_no_other(models_dir: &Path) -> anyhow::Result<bool> {
    let mut models = Vec::new();
    list_models(&models_dir.join("checkpoints"), PICTURE_ENDINGS, &mut models);
    if models.is_empty() {
        println!("  there is no model in {}: writing the smoke model", models_dir.display());
        testkit::tiny_models::write_sd(models_dir).context("could not write the smoke model")?;
        add_defaults(&models_dir.join(SIDECAR)).context("could not say what suits the smoke model")?;
        return Ok(true);
    }
    Ok(models == [models_dir.join(SIDECAR)])
}

/// Says in the sidecar what suits the model: what suits its family, FLUX.2, takes a CPU minutes.
fn add_defaults(sidecar: &Path) -> anyhow::Result<()> {
    let mut description: Value = serde_json::from_slice(&fs::read(sidecar)?)?;
    description["defaults"] = json!({ "width": 256, "height": 256, "steps": 4 });
    fs::write(sidecar, format!("{description:#}\n"))?;
    Ok(())
}

/// Writes the language model if there is no language model at all. Returns whether it is the only one.
pub(crate) fn write_text_if_there_is_no_other(models_dir: &Path) -> anyhow::Result<bool> {
    let mut models = Vec::new();
    list_models(&models_dir.join("llm"), LANGUAGE_ENDINGS, &mut models);
    if models.is_empty() {
        println!("  there is no language model in {}: writing the smoke model", models_dir.join("llm").display());
        testkit::tiny_models::write_llm(models_dir).context("could not write the smoke model for text")?;
    }
    let is_own = |path: &PathBuf| TEXT_FILES.iter().any(|file| *path == models_dir.join("llm").join(file));
    Ok(models.iter().all(is_own))
}

fn list_models(folder: &Path, endings: &[&str], models: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            list_models(&path, endings, models);
        } else if path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known)) {
            models.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smoke_model_is_written_only_where_no_model_is() {
        let folder = tempfile::tempdir().unwrap();
        let models_dir = folder.path();
        assert!(write_if_there_is_no_other(models_dir).unwrap());
        let description: Value = serde_json::from_slice(&fs::read(models_dir.join(SIDECAR)).unwrap()).unwrap();
        assert_eq!(description["defaults"]["width"], 256, "{description}");
        assert!(write_if_there_is_no_other(models_dir).unwrap(), "the second start finds the smoke model alone");
        fs::create_dir_all(models_dir.join("checkpoints/flux")).unwrap();
        fs::write(models_dir.join("checkpoints/flux/klein.gguf"), "").unwrap();
        assert!(!write_if_there_is_no_other(models_dir).unwrap(), "a model of the user's own is there");
    }

    #[test]
    fn the_smoke_model_for_text_is_written_only_where_no_language_model_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("llm/own")).unwrap();
        fs::write(folder.path().join("llm/own/model.gguf"), "").unwrap();
        assert!(!write_text_if_there_is_no_other(folder.path()).unwrap());
        assert!(!folder.path().join("llm/smoke.gguf").exists(), "a model of the user's own is there");
        fs::remove_file(folder.path().join("llm/own/model.gguf")).unwrap();
        assert!(write_text_if_there_is_no_other(folder.path()).unwrap());
        assert!(folder.path().join("llm/smoke.gguf").is_file());
        assert!(
            write_text_if_there_is_no_other(folder.path()).unwrap(),
            "the second start finds the smoke model alone"
        );
    }
}
