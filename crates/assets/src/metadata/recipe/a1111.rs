//! The text of A1111, Forge, SD.Next, Civitai and ourselves: prompt, negative prompt, and a line of pairs.

use contract::spec::Hires;

use super::draft::{Draft, short};

const NEGATIVE: &str = "Negative prompt:";
/// Pairs that change nothing, or that stand in other pairs already.
const SILENT: &[&str] = &[
    "Version",
    "Model hash",
    "Lora hashes",
    "TI hashes",
    "TI",
    "Hashes",
    "VAE hash",
    "User",
    "App",
    "Backend",
    "Pipeline",
    "Operations",
    "Created Date",
    "Civitai metadata",
    "Civitai resources",
    "Hires upscale",
    "Hires resize",
    "Hires steps",
    "Hires upscaler",
    "Module 1",
    "RNG",
    "Parser",
    "Mask blur",
    "Batch pos",
    "Batch size",
    "Pad conds",
    "Downcast alphas_cumprod",
    "Emphasis",
    "Beta schedule alpha",
    "Beta schedule beta",
];
/// More pairs than any true text has.
const MOST_PAIRS: usize = 200;

/// Reads the text; none if it is another one.
pub(super) fn read(text: &str) -> Option<Draft> {
    let text = text.trim().replace("\r\n", "\n");
    let lines: Vec<&str> = text.lines().collect();
    let is_pairs = |line: &&str| line.trim_start().starts_with("Steps: ") || pairs(line).len() >= 3;
    let last = lines.iter().rposition(|line| line.trim_start().starts_with("Steps: "));
    let last = last.or_else(|| lines.len().checked_sub(1).filter(|last| lines.get(*last).is_some_and(is_pairs)));
    let (words, pairs_line) = match last {
        Some(last) => (lines.get(..last).unwrap_or_default(), lines.get(last).copied().unwrap_or_default()),
        None => (lines.as_slice(), ""),
    };
    let negative = words.iter().position(|line| line.trim_start().starts_with(NEGATIVE));
    if pairs_line.is_empty() && negative.is_none() {
        return None;
    }
    let (positive, negative) = words.split_at(negative.unwrap_or(words.len()));
    let negative = negative.join("\n");
    let mut draft = Draft {
        prompt: positive.join("\n"),
        negative_prompt: negative.trim_start().strip_prefix(NEGATIVE).unwrap_or_default().to_owned(),
        ..Draft::default()
    };
    take(&mut draft, &pairs(pairs_line));
    Some(draft)
}

fn take(draft: &mut Draft, pairs: &[(String, String)]) {
    let of = |key: &str| pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
    let number =
        |key: &str| of(key).and_then(|value| value.trim().parse::<f64>().ok()).filter(|number| number.is_finite());
    draft.steps = number("Steps");
    draft.sampler = of("Sampler").map(str::to_owned);
    draft.scheduler = of("Schedule type").map(str::to_owned);
    draft.cfg_scale = number("CFG scale");
    draft.distilled_guidance = number("Distilled CFG Scale");
    draft.seed = number("Seed");
    draft.clip_skip = number("Clip skip");
    draft.eta = number("Eta");
    draft.flow_shift = number("Shift");
    draft.model = of("Model").map(str::to_owned);
    if let Some((width, height)) = of("Size").and_then(|size| size.split_once(['x', '×'])) {
        (draft.width, draft.height) = (width.trim().parse().ok(), height.trim().parse().ok());
    }
    if draft.model.is_none()
        && let Some(hash) = of("Model hash")
    {
        draft.note(format!("the model is told by its hash alone, {}: choose one", short(hash)));
    }
    let denoising = number("Denoising strength");
    let first = draft.width;
    let scale = number("Hires upscale").or_else(|| {
        let (width, _) = of("Hires resize")?.split_once('x')?;
        Some(width.trim().parse::<f64>().ok()? / first?)
    });
    match scale.filter(|scale| scale.is_finite()) {
        Some(scale) => {
            let upscaler = upscaler(of("Hires upscaler").unwrap_or("Latent"));
            if !Hires::BUILT_IN.contains(&upscaler.as_str()) {
                draft.note(format!("the second pass asks for the upscaler {}, which must be here", short(&upscaler)));
            }
            let steps = number("Hires steps").unwrap_or_default().clamp(0.0, 150.0);
            draft.hires = Some(Hires { scale, upscaler, steps: steps as u32, strength: denoising.unwrap_or(0.5) });
        }
        None => draft.strength = denoising,
    }
    draft.has_mask = of("Mask blur").is_some();
    let known = [
        "Steps",
        "Sampler",
        "Schedule type",
        "CFG scale",
        "Distilled CFG Scale",
        "Seed",
        "Size",
        "Model",
        "Clip skip",
        "Eta",
        "Shift",
        "Denoising strength",
    ];
    let others: Vec<String> = (pairs.iter())
        .filter(|(key, _)| !known.contains(&key.as_str()) && !SILENT.contains(&key.as_str()))
        .map(|(key, _)| short(key))
        .collect();
    if !others.is_empty() {
        draft.note(format!("not carried over: {}", others.join(", ")));
    }
}

/// Returns our name of an upscaler.
fn upscaler(name: &str) -> String {
    let plain = name.trim().to_lowercase().replace(['(', ')'], "").replace([' ', '-'], "_");
    let built_in = Hires::BUILT_IN.iter().find(|known| **known == plain);
    match (built_in, plain.as_str()) {
        (Some(known), _) => (*known).to_owned(),
        (None, "none") => "nearest".to_owned(),
        (None, _) => name.trim().to_owned(),
    }
}

/// Returns the pairs of a line. A value that holds commas is JSON: a quoted text, a list or an object.
fn pairs(line: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = line.trim();
    while let Some((key, tail)) = rest.split_once(':') {
        if key.is_empty() || key.len() > 60 || key.contains(['"', '{', '[', '\n', ',']) || pairs.len() == MOST_PAIRS {
            break;
        }
        let tail = tail.trim_start();
        let length = match tail.as_bytes().first() {
            Some(b'"' | b'[' | b'{') => json_length(tail),
            _ => None,
        };
        let length = length.unwrap_or_else(|| tail.find(',').unwrap_or(tail.len()));
        let (value, tail) = tail.split_at(length);
        let plain = serde_json::from_str::<String>(value).unwrap_or_else(|_| value.trim().to_owned());
        pairs.push((key.trim().to_owned(), plain));
        rest = tail.trim_start_matches([',', ' ']);
    }
    pairs
}

/// Returns how long the JSON is with which a text begins.
fn json_length(text: &str) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde_json::Value>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_with_commas_are_one_value() {
        let line = "Steps: 4, Model: \"a: b, c\", Civitai resources: [{\"a\":\"x, y: z\",\"w\":1}], Seed: 7";
        let pairs = pairs(line);
        let keys: Vec<&str> = pairs.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["Steps", "Model", "Civitai resources", "Seed"]);
        assert_eq!(pairs[1].1, "a: b, c");
        assert_eq!(pairs[3].1, "7");
    }

    #[test]
    fn upscalers_have_our_names_where_they_are_built_in() {
        assert_eq!(upscaler("Latent (nearest-exact)"), "latent_nearest_exact");
        assert_eq!(upscaler("Latent (bicubic antialiased)"), "latent_bicubic_antialiased");
        assert_eq!(upscaler("R-ESRGAN 4x+"), "R-ESRGAN 4x+");
    }
}
