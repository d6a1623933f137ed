//! The JSON of SwarmUI: `{"sui_image_params": {…}}`, in the place of A1111's text.

use serde_json::Value;

use super::draft::{Draft, number, parse_json, string};

/// Reads the text; none if it is another one.
pub(super) fn read(text: &str) -> Option<Draft> {
    let json = parse_json(text)?;
    let parameters = json.get("sui_image_params")?;
    let of = |key: &str| parameters.get(key);
    let mut draft = Draft {
        prompt: of("prompt").and_then(string).unwrap_or_default(),
        negative_prompt: of("negativeprompt").and_then(string).unwrap_or_default(),
        model: of("model").and_then(string),
        steps: of("steps").and_then(number),
        cfg_scale: of("cfgscale").and_then(number),
        distilled_guidance: of("fluxguidancescale").and_then(number),
        sampler: of("sampler").and_then(string),
        scheduler: of("scheduler").and_then(string),
        flow_shift: of("sigmashift").and_then(number).filter(|shift| *shift > 0.0),
        seed: of("seed").and_then(number),
        width: of("width").and_then(number),
        height: of("height").and_then(number),
        // Layers are counted from the end: -1 is the last one.
        clip_skip: of("clipstopatlayer").and_then(number).map(|layer| -layer).filter(|skip| *skip > 1.0),
        strength: of("initimagecreativity").and_then(number),
        ..Draft::default()
    };
    let weights = list(of("loraweights"));
    for (name, place) in list(of("loras")).into_iter().zip(0..) {
        let weight = weights.get(place).and_then(|weight: &String| weight.trim().parse().ok());
        draft.loras.push((name, weight.unwrap_or(1.0)));
    }
    if of("refinermodel").is_some() || of("refinerupscale").is_some() {
        draft.note("not carried over: the refiner");
    }
    Some(draft)
}

/// Returns a list, however it is written.
fn list(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
        }
        Some(Value::String(text)) if !text.is_empty() => text.split(',').map(|item| item.trim().to_owned()).collect(),
        _ => Vec::new(),
    }
}
