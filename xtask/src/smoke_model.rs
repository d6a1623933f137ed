//! The smoke models: the smallest things that the engines take for a model. The pictures of one are noise, and the other
//! repeats ten sentences.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

/// The file that makes it a picture model, below the models folder.
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
        return Ok(true);
    }
    Ok(models == [models_dir.join(SIDECAR)])
}

/// Writes the language model if there is no language model at all.
pub(crate) fn write_text_if_there_is_no_other(models_dir: &Path) -> anyhow::Result<()> {
    let mut models = Vec::new();
    list_models(&models_dir.join("llm"), LANGUAGE_ENDINGS, &mut models);
    if models.is_empty() {
        println!("  there is no language model in {}: writing the smoke model", models_dir.join("llm").display());
        testkit::tiny_models::write_llm(models_dir).context("could not write the smoke model for text")?;
    }
    Ok(())
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
        assert!(models_dir.join(SIDECAR).is_file());
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
        write_text_if_there_is_no_other(folder.path()).unwrap();
        assert!(!folder.path().join("llm/smoke.gguf").exists(), "a model of the user's own is there");
        fs::remove_file(folder.path().join("llm/own/model.gguf")).unwrap();
        write_text_if_there_is_no_other(folder.path()).unwrap();
        assert!(folder.path().join("llm/smoke.gguf").is_file());
    }
}
