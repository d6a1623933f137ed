//! The text that A1111 writes into its pictures and that it, Forge, Civitai and many others read.
//!
//! ```text
//! a lighthouse at dawn
//! Negative prompt: people
//! Steps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 512x512, Model: dream, Version: atelier 0.1.0
//! ```

use contract::spec::TextToImage;

use super::names::{sampler_name, scheduler_name};

/// Returns the text. What is left to the model (sampler, schedule) is left out.
pub(super) fn write(spec: &TextToImage, seed: u32) -> String {
    let painting = &spec.painting;
    let mut pairs = vec![("Steps", painting.steps.to_string())];
    pairs.extend(painting.sampler.map(|sampler| ("Sampler", sampler_name(sampler).to_owned())));
    pairs.extend(painting.scheduler.map(|scheduler| ("Schedule type", scheduler_name(scheduler).to_owned())));
    pairs.push(("CFG scale", painting.cfg_scale.to_string()));
    pairs.push(("Distilled CFG Scale", painting.distilled_guidance.to_string()));
    pairs.push(("Seed", seed.to_string()));
    pairs.push(("Size", format!("{}x{}", spec.width, spec.height)));
    // Others name a model by its file, without the folder.
    let model = painting.model.as_deref().and_then(|id| id.rsplit('/').next());
    pairs.extend(model.map(|name| ("Model", quoted(name))));
    if painting.clip_skip > 0 {
        pairs.push(("Clip skip", painting.clip_skip.to_string()));
    }
    pairs.push(("Version", format!("atelier {}", env!("CARGO_PKG_VERSION"))));

    let mut text = painting.prompt.trim().to_owned();
    let negative_prompt = painting.negative_prompt.trim();
    if !negative_prompt.is_empty() {
        text.push_str("\nNegative prompt: ");
        text.push_str(negative_prompt);
    }
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{text}\n{}", pairs.join(", "))
}

/// Returns a value as A1111 writes it: as JSON where a comma, a colon or a line's end would be taken for the next pair.
fn quoted(value: &str) -> String {
    if value.contains([',', ':', '\n']) { serde_json::Value::from(value).to_string() } else { value.to_owned() }
}
