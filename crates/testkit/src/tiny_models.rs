//! Models of a few megabytes that the engines really load and run. Our own weights, nothing worth looking at: colour mosaics
//! that change with prompt and seed, and sentences that were counted in ten others.
//!
//! The layout of the picture model is that of FLUX.2 klein, whose depth, width and vocabulary stable-diffusion.cpp reads from
//! the shapes of the tensors; that of the language model is Llama's.
//! The bytes are the same on every machine and in every run.

mod autoencoder;
mod diffusion;
mod gguf;
mod language;
mod random;
mod tensors;
mod text_encoder;
mod upscaler;

use std::{fs, path::Path};

use anyhow::Context as _;
use serde_json::json;

/// Width of the diffusion model and of its one attention head.
const HIDDEN: usize = 128;
/// Channels of a patch of latents: 32 channels by 2 × 2.
const LATENT: usize = 128;
/// Width of the text encoder.
const TEXT: usize = 32;

/// Writes the model `smoke` into a folder of models, with an upscaler by 2, one by 4, and a LoRA beside it.
/// The sidecar that makes a model of the files comes last, so a half-written model is never found.
pub fn write_sd(dir: &Path) -> anyhow::Result<()> {
    let components = dir.join("components");
    diffusion::model().write(&components.join("tiny-flux2-klein.safetensors"))?;
    text_encoder::model().write(&components.join("tiny-qwen3-te.safetensors"))?;
    autoencoder::model().write(&components.join("tiny-taef2.safetensors"))?;
    upscaler::times_4().write(&dir.join("esrgan/tiny-esrgan-x4.safetensors"))?;
    upscaler::times_2().write(&dir.join("esrgan/tiny-esrgan-x2.safetensors"))?;
    diffusion::lora().write(&dir.join("lora/tiny-lora.safetensors"))?;
    let sidecar = json!({
        "diffusion_model": "../components/tiny-flux2-klein.safetensors",
        "llm": "../components/tiny-qwen3-te.safetensors",
        "taesd": "../components/tiny-taef2.safetensors",
    });
    let path = dir.join("checkpoints/smoke.json");
    write_whole(&path, format!("{sidecar:#}\n").as_bytes())
}

/// Writes the language model `smoke` into a folder of models: it chats, calls tools, fills forms, embeds and takes pictures.
/// The model comes last, so that one without its eye is never found.
pub fn write_llm(dir: &Path) -> anyhow::Result<()> {
    let (model, width) = language::model();
    language::eye(width).write(&dir.join("llm/mmproj-smoke.gguf"))?;
    model.write(&dir.join("llm/smoke.gguf"))
}

/// Writes a file that appears under its name only once it is whole.
fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("a file without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    let partial =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("writing in {}", folder.display()))?;
    fs::write(partial.path(), bytes).with_context(|| format!("writing {}", path.display()))?;
    // A temporary file is for its owner alone; a model is for whoever may read the folder.
    #[cfg(unix)]
    fs::set_permissions(partial.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    partial.persist(path).with_context(|| format!("writing {}", path.display()))?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::{collections::BTreeMap, path::PathBuf};

    use super::*;

    fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        ["checkpoints", "components", "esrgan", "llm", "lora"]
            .iter()
            .flat_map(|folder| fs::read_dir(dir.join(folder)).unwrap())
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.strip_prefix(dir).unwrap().to_owned(), fs::read(&path).unwrap()))
            .collect()
    }

    fn write_all(dir: &Path) {
        write_sd(dir).unwrap();
        write_llm(dir).unwrap();
    }

    #[test]
    fn two_runs_write_the_same_bytes() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_all(one.path());
        write_all(two.path());
        let files_of_one = files(one.path());
        assert_eq!(files_of_one.len(), 9);
        assert!(files_of_one == files(two.path()), "two runs differ");
    }

    #[test]
    fn the_bytes_are_those_of_every_other_machine() {
        let dir = tempfile::tempdir().unwrap();
        write_all(dir.path());
        let sums: Vec<_> = files(dir.path())
            .into_iter()
            .map(|(path, bytes)| format!("{} {} {:016x}", path.display(), bytes.len(), sum(&bytes)))
            .collect();
        assert_eq!(sums, EXPECTED);
    }

    /// FNV-1a, enough to see a changed byte.
    fn sum(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
    }

    const EXPECTED: [&str; 9] = [
        "checkpoints/smoke.json 173 241e0c6a50c170c9",
        "components/tiny-flux2-klein.safetensors 2012616 0a89bcb0055b61e2",
        "components/tiny-qwen3-te.safetensors 10394280 c7dd6bbab24cb28e",
        "components/tiny-taef2.safetensors 5383252 cd631517c581a77e",
        "esrgan/tiny-esrgan-x2.safetensors 1672564 3a6062bd51c8e29c",
        "esrgan/tiny-esrgan-x4.safetensors 1746700 2820bcc5fa5d4040",
        "llm/mmproj-smoke.gguf 503808 d9cee5d6e1b6ee35",
        "llm/smoke.gguf 2164992 48b5219042514100",
        "lora/tiny-lora.safetensors 4568 e2a29f6a011979b9",
    ];
}
