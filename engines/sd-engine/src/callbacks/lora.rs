//! Which LoRAs changed something. The library tells it in its log, at the end of a generation, and nowhere else.

use contract::engine::LoraFile;

/// What was heard of LoRAs since a generation began.
#[derive(Debug)]
pub(super) struct Effects {
    /// Paths, each with how many of its tensors were applied. A path is named once for each part of the model.
    applied: Vec<(String, u64)>,
}

impl Effects {
    /// Nothing was heard.
    pub(super) const NONE: Self = Self { applied: Vec::new() };

    /// Takes note of a line of the log.
    pub(super) fn heard(&mut self, message: &str) {
        self.applied.extend(read(message));
    }

    /// Fails if one of these changed nothing.
    pub(super) fn check(&self, loras: &[LoraFile]) -> Result<(), String> {
        let has_effect = |path: &str| self.applied.iter().any(|(other, count)| other == path && *count > 0);
        let Some(idle) = loras.iter().find(|lora| !has_effect(&lora.path)) else { return Ok(()) };
        let file = idle.path.rsplit('/').next().unwrap_or(&idle.path);
        Err(format!("the LoRA {file} does not fit this model: nothing of it could be applied"))
    }
}

/// Reads `(3 / 8) LoRA tensors have been applied, lora_file_path = /models/lora/ink.safetensors`.
fn read(message: &str) -> Option<(String, u64)> {
    let (counts, path) = message.split_once(") LoRA tensors have been applied, lora_file_path = ")?;
    let (_, counts) = counts.split_once('(')?;
    let applied = counts.split_once('/')?.0.trim().parse().ok()?;
    Some((path.to_owned(), applied))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lora_of_which_nothing_was_applied_is_named() {
        let mut effects = Effects::NONE;
        effects.heard("(0 / 2) LoRA tensors have been applied, lora_file_path = /m/a b.safetensors");
        effects.heard("Only (1 / 2) LoRA tensors have been applied, lora_file_path = /m/a b.safetensors");
        effects.heard("Only (0 / 2) LoRA tensors have been applied, lora_file_path = /m/other.safetensors");
        let lora = |path: &str| LoraFile { path: path.to_owned(), weight: 1.0 };
        assert!(effects.check(&[]).is_ok());
        assert!(effects.check(&[lora("/m/a b.safetensors")]).is_ok());
        for path in ["/m/other.safetensors", "/m/unheard.safetensors"] {
            let message = effects.check(&[lora("/m/a b.safetensors"), lora(path)]).unwrap_err();
            assert!(message.contains(path.trim_start_matches("/m/")), "{message}");
            assert!(!message.contains("/m/"), "{message}");
        }
    }
}
