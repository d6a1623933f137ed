//! The JSON of InvokeAI, and its two older forms: `sd-metadata` and the command line in `Dream`.

use serde_json::Value;

use super::draft::{Draft, number, parse_json, string};

/// Reads what InvokeAI of any age has written; none if it has written nothing.
pub(super) fn read<'a>(of: impl Fn(&str) -> Option<&'a str>) -> Option<Draft> {
    let newest = of("invokeai_metadata").and_then(parse_json).map(|json| of_now(&json));
    let older = || of("sd-metadata").and_then(parse_json).map(|json| of_version_2(&json));
    newest.or_else(older).or_else(|| of("Dream").or_else(|| of("dream")).map(of_command_line))
}

fn of_now(json: &Value) -> Draft {
    let of = |key: &str| json.get(key);
    let mode = of("generation_mode").and_then(Value::as_str).unwrap_or_default();
    let is_from_picture = ["img2img", "inpaint", "outpaint"].iter().any(|word| mode.contains(word));
    let mut draft = Draft {
        prompt: of("positive_prompt").and_then(string).unwrap_or_default(),
        negative_prompt: of("negative_prompt").and_then(string).unwrap_or_default(),
        model: of("model").and_then(name),
        steps: of("steps").or_else(|| of("num_steps")).and_then(number),
        cfg_scale: of("cfg_scale").and_then(number),
        distilled_guidance: of("guidance").and_then(number),
        sampler: of("scheduler").and_then(string),
        seed: of("seed").and_then(number),
        width: of("width").and_then(number),
        height: of("height").and_then(number),
        // The number of layers that are left out; A1111 and we count the one that is taken.
        clip_skip: of("clip_skip").and_then(number).filter(|skip| *skip > 0.0).map(|skip| skip + 1.0),
        strength: of("strength").and_then(number).filter(|_| is_from_picture),
        has_mask: mode.contains("paint"),
        ..Draft::default()
    };
    for lora in of("loras").and_then(Value::as_array).into_iter().flatten() {
        let model = lora.get("model").or_else(|| lora.get("lora"));
        if let Some(name) = model.and_then(name) {
            draft.loras.push((name, lora.get("weight").and_then(number).unwrap_or(1.0)));
        }
    }
    for part in ["controlnets", "ipAdapters", "t2iAdapters", "refiner_model", "vae"] {
        let value = of(part);
        if value.is_some_and(|value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())) {
            draft.note(format!("not carried over: {part}"));
        }
    }
    draft
}

/// The name of a model: an object of either age, or the name itself.
fn name(value: &Value) -> Option<String> {
    ["name", "model_name"].iter().find_map(|key| value.get(key)).or(Some(value)).and_then(string)
}

fn of_version_2(json: &Value) -> Draft {
    let image = json.get("image").unwrap_or(json);
    let of = |key: &str| image.get(key);
    let prompt = match of("prompt") {
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("prompt").and_then(Value::as_str));
            texts.collect::<Vec<_>>().join(" ")
        }
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    let (prompt, negative_prompt) = without_brackets(&prompt);
    let kind = of("type").and_then(Value::as_str).unwrap_or_default();
    Draft {
        prompt,
        negative_prompt,
        model: json.get("model_weights").and_then(string),
        steps: of("steps").and_then(number),
        cfg_scale: of("cfg_scale").and_then(number),
        sampler: of("sampler").and_then(string),
        seed: of("seed").and_then(number),
        width: of("width").and_then(number),
        height: of("height").and_then(number),
        strength: of("strength").and_then(number).filter(|_| kind.contains("img2img") || kind.contains("paint")),
        has_mask: kind.contains("paint"),
        ..Draft::default()
    }
}

/// `"a cat" -s 50 -S 7 -W 512 -H 512 -C 7.5 -A k_lms`
fn of_command_line(line: &str) -> Draft {
    let line = line.trim();
    let (prompt, flags) = match line.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        Some(parts) => parts,
        None => line.find(" -").map_or((line, ""), |end| line.split_at(end)),
    };
    let (prompt, negative_prompt) = without_brackets(prompt);
    let mut draft = Draft { prompt, negative_prompt, ..Draft::default() };
    for word in flags.split_whitespace() {
        // The value may stand at once behind its letter; clustered it would be another flag.
        let Some((flag, value)) = word.split_at_checked(2) else { continue };
        draft.take_flag(flag, value);
    }
    let words: Vec<&str> = flags.split_whitespace().collect();
    for pair in words.windows(2) {
        if let [flag, value] = pair {
            draft.take_flag(flag, value);
        }
    }
    draft
}

impl Draft {
    fn take_flag(&mut self, flag: &str, value: &str) {
        let number = value.parse::<f64>().ok();
        match flag {
            "-s" => self.steps = number.or(self.steps),
            "-S" => self.seed = number.or(self.seed),
            "-W" => self.width = number.or(self.width),
            "-H" => self.height = number.or(self.height),
            "-C" => self.cfg_scale = number.or(self.cfg_scale),
            "-f" => self.strength = number.or(self.strength),
            "-A" if !value.is_empty() && !value.starts_with('-') => self.sampler = Some(value.to_owned()),
            _ => {}
        }
    }
}

/// Old prompts have what must not be seen in brackets.
fn without_brackets(prompt: &str) -> (String, String) {
    let (mut positive, mut negative) = (String::new(), Vec::new());
    let mut rest = prompt;
    while let Some((before, (inner, after))) =
        rest.split_once('[').and_then(|(before, tail)| Some((before, tail.split_once(']')?)))
    {
        positive.push_str(before);
        negative.push(inner.trim());
        rest = after;
    }
    positive.push_str(rest);
    (positive.trim().to_owned(), negative.join(", "))
}
