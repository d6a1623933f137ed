//! The text that A1111 writes into its pictures and that it, Forge, Civitai and many others read.
//!
//! ```text
//! a lighthouse at dawn
//! Negative prompt: people
//! Steps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x512, Model: dream, Version: atelier 0.1.0
//! ```

use contract::spec::{Hires, JobSpec};

use super::names::{sampler_name, scheduler_name};

/// The built-in ways to enlarge, with their names in A1111.
const UPSCALERS: [(&str, &str); 8] = [
    ("latent", "Latent"),
    ("latent_nearest", "Latent (nearest)"),
    ("latent_nearest_exact", "Latent (nearest-exact)"),
    ("latent_antialiased", "Latent (antialiased)"),
    ("latent_bicubic", "Latent (bicubic)"),
    ("latent_bicubic_antialiased", "Latent (bicubic antialiased)"),
    ("lanczos", "Lanczos"),
    ("nearest", "Nearest"),
];

/// Returns the text of a painted picture. What is left to the model (sampler, schedule) is left out.
pub(super) fn write(spec: &JobSpec, seed: u32) -> Option<String> {
    let painting = spec.painting()?;
    let mut pairs = vec![("Steps", painting.steps.to_string())];
    pairs.extend(painting.sampler.map(|sampler| ("Sampler", sampler_name(sampler).to_owned())));
    pairs.extend(painting.scheduler.map(|scheduler| ("Schedule type", scheduler_name(scheduler).to_owned())));
    pairs.push(("CFG scale", painting.cfg_scale.to_string()));
    pairs.push(("Distilled CFG Scale", painting.distilled_guidance.to_string()));
    pairs.push(("Seed", seed.to_string()));
    pairs.extend(size(spec).map(|(width, height)| ("Size", format!("{width}x{height}"))));
    // Others name a model by its file, without the folder.
    pairs.extend(painting.model.as_deref().map(|id| ("Model", quoted(file_name(id)))));
    pairs.extend(strength(spec).map(|strength| ("Denoising strength", strength.to_string())));
    if painting.clip_skip > 0 {
        pairs.push(("Clip skip", painting.clip_skip.to_string()));
    }
    pairs.extend(painting.eta.map(|eta| ("Eta", eta.to_string())));
    pairs.extend(painting.flow_shift.map(|shift| ("Shift", shift.to_string())));
    if let JobSpec::TextToImage(spec) = spec {
        pairs.extend(spec.hires.iter().flat_map(second_pass));
    }
    if let JobSpec::Inpaint(spec) = spec {
        pairs.push(("Mask blur", spec.mask_blur.to_string()));
    }
    pairs.push(("Version", format!("atelier {}", env!("CARGO_PKG_VERSION"))));

    let mut text = painting.prompt.trim().to_owned();
    for lora in &painting.loras {
        // Here others look for them, and find them by the names of their files.
        text.push_str(&format!(" <lora:{}:{}>", file_name(&lora.name), lora.weight));
    }
    let negative_prompt = painting.negative_prompt.trim();
    if !negative_prompt.is_empty() {
        text.push_str("\nNegative prompt: ");
        text.push_str(negative_prompt);
    }
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    Some(format!("{text}\n{}", pairs.join(", ")))
}

/// Returns the size that was asked for.
fn size(spec: &JobSpec) -> Option<(u32, u32)> {
    match spec {
        JobSpec::TextToImage(spec) => Some((spec.width, spec.height)),
        JobSpec::ImageToImage(spec) => spec.width.zip(spec.height),
        JobSpec::ImageEdit(spec) => spec.width.zip(spec.height),
        _ => None,
    }
}

/// Returns how much of what was there is painted anew: of another picture, or of the first pass.
fn strength(spec: &JobSpec) -> Option<f64> {
    match spec {
        JobSpec::TextToImage(spec) => spec.hires.as_ref().map(|hires| hires.strength),
        JobSpec::ImageToImage(spec) => Some(spec.strength),
        JobSpec::Inpaint(spec) => Some(spec.strength),
        _ => None,
    }
}

fn second_pass(hires: &Hires) -> Vec<(&'static str, String)> {
    let known = UPSCALERS.iter().find(|(ours, _)| *ours == hires.upscaler);
    let upscaler = known.map_or_else(|| quoted(file_name(&hires.upscaler)), |(_, theirs)| (*theirs).to_owned());
    let mut pairs = vec![("Hires upscale", hires.scale.to_string())];
    if hires.steps > 0 {
        pairs.push(("Hires steps", hires.steps.to_string()));
    }
    pairs.push(("Hires upscaler", upscaler));
    pairs
}

fn file_name(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// Returns a value as A1111 writes it: as JSON where a comma, a colon or a line's end would be taken for the next pair.
fn quoted(value: &str) -> String {
    if value.contains([',', ':', '\n']) { serde_json::Value::from(value).to_string() } else { value.to_owned() }
}
