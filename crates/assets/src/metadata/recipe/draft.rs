//! What was found so far; at the end it becomes a job within its bounds.

use contract::spec::{Hires, JobSpec};
use serde_json::{Map, Value, json};

use crate::metadata::names::{find_sampler, find_scheduler};

/// The bounds of a picture's side, and its steps.
const SIDE_PX: (f64, f64) = (64.0, 4096.0);
const STEP_PX: f64 = 16.0;
/// Longer lists than a job may have.
const MOST_LORAS: usize = 16;
const MOST_LETTERS: usize = 10_000;
/// A note tells no more of a name than this.
const MOST_NOTED: usize = 80;

/// Names that others have for samplers, and the schedule that goes with them.
const SAMPLERS: &[(&str, &str, &str)] = &[
    ("euler_ancestral", "euler_a", ""),
    ("euler_k", "euler", "karras"),
    ("k_euler", "euler", ""),
    ("k_euler_a", "euler_a", ""),
    ("heun_k", "heun", "karras"),
    ("k_heun", "heun", ""),
    ("dpm_2", "dpm2", ""),
    ("k_dpm_2", "dpm2", ""),
    ("kdpm_2", "dpm2", ""),
    ("kdpm_2_k", "dpm2", "karras"),
    ("dpmpp_2m", "dpm++2m", ""),
    ("dpmpp_2m_k", "dpm++2m", "karras"),
    ("k_dpmpp_2m", "dpm++2m", ""),
    ("dpmpp_2s_ancestral", "dpm++2s_a", ""),
    ("dpmpp_2s_ancestral_cfg_pp", "dpm++2s_a", ""),
    ("euler_ancestral_cfg_pp", "euler_a_cfg_pp", ""),
    ("res_multistep", "res_multistep", ""),
    ("ddim", "ddim_trailing", ""),
];
/// Names that others have for schedules.
const SCHEDULERS: &[(&str, &str)] = &[
    ("normal", "discrete"),
    ("align_your_steps", "ays"),
    ("sgm uniform", "sgm_uniform"),
    ("kl optimal", "kl_optimal"),
];

/// What was found of a picture.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) prompt: String,
    pub(super) negative_prompt: String,
    pub(super) model: Option<String>,
    pub(super) steps: Option<f64>,
    pub(super) cfg_scale: Option<f64>,
    pub(super) distilled_guidance: Option<f64>,
    pub(super) sampler: Option<String>,
    pub(super) scheduler: Option<String>,
    pub(super) eta: Option<f64>,
    pub(super) flow_shift: Option<f64>,
    pub(super) seed: Option<f64>,
    pub(super) width: Option<f64>,
    pub(super) height: Option<f64>,
    pub(super) clip_skip: Option<f64>,
    pub(super) loras: Vec<(String, f64)>,
    pub(super) hires: Option<Hires>,
    /// How much of another picture was painted anew, if there was one.
    pub(super) strength: Option<f64>,
    /// Whether a part of another picture was painted anew.
    pub(super) has_mask: bool,
    pub(super) notes: Vec<String>,
}

impl Draft {
    /// Adds a note, unless it is there.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Returns the job, and what could not be carried over.
    pub(super) fn finish(mut self) -> (Option<JobSpec>, Vec<String>) {
        if self.prompt.trim().is_empty() {
            self.note("it has no prompt");
            return (None, self.notes);
        }
        let mut fields = Map::new();
        fields.insert("kind".to_owned(), "text_to_image".into());
        let prompt = self.text("prompt");
        fields.insert("prompt".to_owned(), prompt.into());
        if !self.negative_prompt.trim().is_empty() {
            let negative_prompt = self.text("negative_prompt");
            fields.insert("negative_prompt".to_owned(), negative_prompt.into());
        }
        if let Some(model) = self.model.take().filter(|model| !model.trim().is_empty()) {
            fields.insert("model".to_owned(), plain_name(&model).into());
        }
        self.add_numbers(&mut fields);
        self.add_sampling(&mut fields);
        self.add_loras(&mut fields);
        if let Some(hires) = self.hires.take() {
            let hires = Hires {
                scale: hires.scale.clamp(1.0625, 4.0),
                steps: hires.steps.min(150),
                strength: hires.strength.clamp(0.0, 1.0),
                ..hires
            };
            fields.insert("hires".to_owned(), serde_json::to_value(hires).unwrap_or_default());
        }
        if let Some(strength) = self.strength {
            let (kind, also) = if self.has_mask { ("inpaint", ", that mask") } else { ("image_to_image", "") };
            self.note(format!(
                "it was painted over another picture, which is not in the file: to make it again, submit {kind} with that \
                 picture{also} and strength {strength}"
            ));
        }
        (serde_json::from_value(Value::Object(fields)).ok(), self.notes)
    }

    /// Returns a prompt, as long as one may be.
    fn text(&mut self, field: &str) -> String {
        let text = if field == "prompt" { &self.prompt } else { &self.negative_prompt }.trim();
        let Some((end, _)) = text.char_indices().nth(MOST_LETTERS) else { return text.to_owned() };
        let short = text.get(..end).unwrap_or_default().to_owned();
        self.note(format!("{field} is longer than {MOST_LETTERS} letters and was cut off there"));
        short
    }

    fn add_numbers(&mut self, fields: &mut Map<String, Value>) {
        let bounded = [
            ("steps", self.steps, (1.0, 150.0), 1.0),
            ("cfg_scale", self.cfg_scale, (0.0, 30.0), 0.0),
            ("distilled_guidance", self.distilled_guidance, (0.0, 100.0), 0.0),
            ("eta", self.eta, (0.0, 1.0), 0.0),
            ("flow_shift", self.flow_shift, (0.0, 100.0), 0.0),
            ("width", self.width, SIDE_PX, STEP_PX),
            ("height", self.height, SIDE_PX, STEP_PX),
            ("clip_skip", self.clip_skip, (0.0, 12.0), 1.0),
        ];
        for (field, value, (least, most), step) in bounded {
            let Some(value) = value.filter(|value| value.is_finite()) else { continue };
            let near = if step > 0.0 { (value / step).round() * step } else { value };
            let near = near.clamp(least, most);
            if (near - value).abs() > 1e-9 {
                self.note(format!("{field} is {near}, because {value} is not possible here"));
            }
            let number = if step > 0.0 { whole(near) } else { json!(near) };
            fields.insert(field.to_owned(), number);
        }
        match self.seed {
            Some(seed) if (0.0..=f64::from(u32::MAX)).contains(&seed) => {
                fields.insert("seed".to_owned(), whole(seed));
            }
            Some(seed) => {
                let most = u32::MAX;
                self.note(format!("the seed {seed} is left out, because seeds here go from 0 to {most}"));
            }
            None => {}
        }
    }

    fn add_sampling(&mut self, fields: &mut Map<String, Value>) {
        let mut scheduler = None;
        if let Some(name) = self.sampler.take().filter(|name| !name.trim().is_empty()) {
            let known = find_sampler(&name).or_else(|| {
                let other = SAMPLERS.iter().find(|(other, ..)| other.eq_ignore_ascii_case(name.trim()))?;
                find_sampler(other.1).map(|(sampler, _)| (sampler, find_scheduler(other.2)))
            });
            match known {
                Some((sampler, with)) => {
                    fields.insert("sampler".to_owned(), json!(sampler));
                    scheduler = with;
                }
                None => {
                    self.note(format!("the sampler {} is not known here: what suits the model is used", short(&name)));
                }
            }
        }
        if let Some(name) = self.scheduler.take().filter(|name| !is_automatic(name)) {
            let other = SCHEDULERS.iter().find(|(other, _)| other.eq_ignore_ascii_case(name.trim()));
            match find_scheduler(other.map_or(&name, |(_, ours)| ours)) {
                Some(known) => scheduler = Some(known),
                None => {
                    self.note(format!("the schedule {} is not known here: what suits the model is used", short(&name)));
                }
            }
        }
        if let Some(scheduler) = scheduler {
            fields.insert("scheduler".to_owned(), json!(scheduler));
        }
    }

    fn add_loras(&mut self, fields: &mut Map<String, Value>) {
        if self.loras.len() > MOST_LORAS {
            self.note(format!("of {} LoRAs, the first {MOST_LORAS} are taken", self.loras.len()));
        }
        let loras: Vec<Value> = (self.loras.iter().take(MOST_LORAS))
            .map(|(name, weight)| json!({"name": plain_name(name), "weight": weight.clamp(-10.0, 10.0)}))
            .collect();
        if !loras.is_empty() {
            fields.insert("loras".to_owned(), loras.into());
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(number: f64) -> Value {
    Value::from(number as i64)
}

fn is_automatic(name: &str) -> bool {
    ["", "automatic", "default"].contains(&name.trim().to_lowercase().as_str())
}

/// Returns the name of a file as a path with `/`, without its ending.
pub(super) fn plain_name(name: &str) -> String {
    let name = name.trim().replace('\\', "/");
    let endings = [".safetensors", ".gguf", ".ckpt", ".pth", ".pt", ".sft", ".bin"];
    let ending = endings.iter().find(|ending| name.to_lowercase().ends_with(**ending)).map_or(0, |ending| ending.len());
    let end = name.len() - ending;
    name.get(..end).unwrap_or(&name).chars().take(200).collect()
}

/// Returns a name, short enough for a note.
pub(super) fn short(name: &str) -> String {
    name.trim().chars().take(MOST_NOTED).collect()
}

/// Returns a number, however it is written.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Returns a text.
pub(super) fn string(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// Reads JSON as Python writes it, which knows numbers that are none.
pub(super) fn parse_json(text: &str) -> Option<Value> {
    let text = text.trim().trim_matches('\0');
    if !text.starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&text.replace("NaN", "null")).ok())
}
