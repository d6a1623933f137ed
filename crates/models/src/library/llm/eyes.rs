//! Which file sees for a language model, where nobody says.

use std::path::{Path, PathBuf};

use super::find::Found;
use crate::header::Language;

const MARK: &str = "mmproj";

/// What lies in the folder of a model.
#[derive(Debug)]
pub(super) struct Beside<'a> {
    /// Whether it is the folder of all language models, where things lie beside each other that have nothing in common.
    is_top: bool,
    eyes: Vec<(&'a Path, Option<u64>)>,
    models: Vec<&'a Path>,
}

/// Returns whether a file is called like an eye.
pub(super) fn has_name_of_an_eye(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().contains(MARK))
}

impl<'a> Beside<'a> {
    pub(super) fn new(is_top: bool) -> Self {
        Self { is_top, eyes: Vec::new(), models: Vec::new() }
    }

    pub(super) fn add_eye(&mut self, path: &'a Path, width: Option<u64>) {
        self.eyes.push((path, width));
    }

    pub(super) fn add_model(&mut self, path: &'a Path) {
        self.models.push(path);
    }

    /// Returns the eye that is named for this model; or one that is named for none and is as wide; or the only one of a folder
    /// that is not the top. The width alone does not decide: old kinds of eyes write down another one.
    pub(super) fn eye_for(&self, found: &Found, metadata: &Language) -> Option<PathBuf> {
        let model = found.files.first()?;
        let named = |eye: &Path, model: &Path| is_named_for(&bare_name(eye), &bare_name(model));
        let of_its_name = self.eyes.iter().filter(|(eye, _)| named(eye, model));
        // Of several the one with the longest name in common: a model may be called as another one with more behind it.
        if let Some((eye, _)) = of_its_name.max_by_key(|(eye, _)| bare_name(eye).len()) {
            return Some((*eye).to_owned());
        }
        let of_no_name: Vec<_> =
            self.eyes.iter().filter(|(eye, _)| !self.models.iter().any(|model| named(eye, model))).collect();
        let as_wide = of_no_name.iter().find(|(_, width)| width.is_some() && *width == metadata.embedding_length);
        let only = of_no_name.first().filter(|_| !self.is_top && self.eyes.len() == 1);
        as_wide.or(only).map(|(eye, _)| (*eye).to_owned())
    }
}

/// Returns what a name says about the model: without the mark of an eye, and without how its numbers are stored.
fn bare_name(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let words = name.split(['-', '_', '.']).filter(|word| *word != MARK && !is_about_numbers(word));
    words.collect::<Vec<_>>().join("-")
}

/// Returns whether a word of a name is `f16`, `bf16`, `q8`, `iq4` or a part of such a word.
fn is_about_numbers(word: &str) -> bool {
    let bare = word.trim_start_matches("bf").trim_start_matches(['f', 'i', 'q', 'u', 'd']);
    word.len() <= 5 && bare.len() < word.len() && bare.bytes().all(|byte| byte.is_ascii_digit())
        || matches!(word, "k" | "m" | "s" | "l" | "xs" | "xxs" | "xl" | "nl" | "0" | "1" | "gguf" | "model")
}

fn is_named_for(eye: &str, model: &str) -> bool {
    !eye.is_empty() && (model == eye || model.strip_prefix(eye).is_some_and(|rest| rest.starts_with('-')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_eye_belongs_to_the_model_whose_name_it_has() {
        let fits = |eye: &str, model: &str| is_named_for(&bare_name(Path::new(eye)), &bare_name(Path::new(model)));
        assert!(fits("mmproj-Qwen2.5-VL-7B-Instruct-Q8_0.gguf", "Qwen2.5-VL-7B-Instruct-Q4_K_M.gguf"));
        assert!(fits("gemma-3-4b-it.mmproj-f16.gguf", "gemma-3-4b-it-IQ4_XS.gguf"));
        assert!(fits("mmproj-smoke.gguf", "smoke.gguf"));
        assert!(!fits("mmproj-smoke.gguf", "smoker.gguf"));
        assert!(!fits("mmproj-gemma-3-4b-it-f16.gguf", "gemma-3-12b-it-Q4_K_M.gguf"));
        for of_no_name in ["mmproj-model-f16.gguf", "mmproj.gguf", "mmproj-BF16.gguf"] {
            assert!(!fits(of_no_name, "gemma-3-4b-it-Q4_K_M.gguf"), "{of_no_name}");
        }
    }
}
