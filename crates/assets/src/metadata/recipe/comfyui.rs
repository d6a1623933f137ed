//! The graph that ComfyUI ran: from the node that samples to its texts, its model, and its size.
//!
//! ```text
//! {"3": {"class_type": "KSampler", "inputs": {"seed": 7, "model": ["4", 0], "positive": ["6", 0], …}}, …}
//! ```

use serde_json::{Map, Value};

use super::draft::{Draft, number, parse_json, short, string};
use crate::metadata::Text;

/// How many nodes one path goes through, at most.
const LONGEST_PATH: usize = 64;
/// Where ComfyUI has the graph in EXIF.
const EXIF_PLACES: [&str; 3] = ["ImageDescription", "Make", "Model"];
const IN_EXIF: &str = "prompt:";
/// The nodes that sample.
const SAMPLERS: [&str; 4] = ["KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced"];

/// Returns the graph among the texts of a file.
pub(super) fn find_graph(texts: &[Text]) -> Option<Value> {
    let in_exif = |text: &Text| {
        let start = text.text.get(..IN_EXIF.len()).filter(|start| start.eq_ignore_ascii_case(IN_EXIF))?;
        EXIF_PLACES
            .contains(&text.keyword.as_str())
            .then(|| text.text.get(start.len()..))
            .flatten()
            .and_then(parse_json)
    };
    let plain = texts.iter().filter(|text| text.keyword == "prompt").find_map(|text| parse_json(&text.text));
    plain.or_else(|| texts.iter().find_map(in_exif))
}

/// Reads a graph; none if nothing in it samples.
pub(super) fn read(graph: &Value) -> Option<Draft> {
    let graph = Graph(graph.as_object()?);
    let mut samplers: Vec<&str> =
        graph.0.keys().map(String::as_str).filter(|id| SAMPLERS.contains(&graph.class(id))).collect();
    // Ids are numbers mostly, and count up.
    samplers.sort_by_key(|id| (id.parse::<u64>().unwrap_or(u64::MAX), *id));
    let first = samplers.iter().find(|id| graph.latent(id).is_some_and(|latent| graph.is_empty_latent(latent)));
    let sampler = *first.or(samplers.first())?;
    let mut draft = Draft::default();
    if samplers.len() > 1 {
        draft.note(format!("the workflow samples {} times; only the first pass is carried over", samplers.len()));
    }
    graph.take_sampling(sampler, &mut draft);
    let guider = graph.link(sampler, "guider").unwrap_or(sampler);
    draft.cfg_scale = graph.number(guider, "cfg").or(graph.is_class(guider, "BasicGuider").then_some(1.0));
    let positive = graph.link(guider, "positive").or_else(|| graph.link(guider, "conditioning"));
    if let Some(positive) = positive {
        draft.prompt = graph.text_of(positive, &mut draft).unwrap_or_default();
    }
    if let Some(negative) = graph.link(guider, "negative") {
        draft.negative_prompt = graph.text_of(negative, &mut Draft::default()).unwrap_or_default();
    }
    if let Some(model) = graph.link(guider, "model").or_else(|| graph.link(sampler, "model")) {
        graph.take_model(model, &mut draft);
    }
    if let Some(latent) = graph.latent(sampler) {
        graph.take_size(latent, &mut draft);
    }
    let controls =
        graph.0.keys().any(|id| graph.class(id).contains("ControlNet") || graph.class(id).contains("IPAdapter"));
    if controls {
        draft.note("not carried over: what ControlNet or IP-Adapter add");
    }
    Some(draft)
}

struct Graph<'a>(&'a Map<String, Value>);

impl<'a> Graph<'a> {
    fn class(&self, id: &str) -> &'a str {
        self.0.get(id).and_then(|node| node.get("class_type")).and_then(Value::as_str).unwrap_or_default()
    }

    fn is_class(&self, id: &str, class: &str) -> bool {
        self.class(id) == class
    }

    fn input(&self, id: &str, name: &str) -> Option<&'a Value> {
        self.0.get(id)?.get("inputs")?.get(name)
    }

    /// Returns the node that an input comes from.
    fn link(&self, id: &str, name: &str) -> Option<&'a str> {
        self.input(id, name)?.as_array()?.first()?.as_str()
    }

    /// Returns a value, from the node itself or from the one that holds it.
    fn value(&self, id: &str, name: &str) -> Option<&'a Value> {
        let mut value = self.input(id, name)?;
        for _ in 0..LONGEST_PATH {
            let Some(other) = value.as_array().and_then(|link| link.first()).and_then(Value::as_str) else { break };
            let names = ["value", "text", "string", "seed", "noise_seed", "int", "float", "Text", "STRING"];
            value = names.iter().find_map(|name| self.input(other, name))?;
        }
        Some(value)
    }

    fn number(&self, id: &str, name: &str) -> Option<f64> {
        self.value(id, name).and_then(number)
    }

    fn string(&self, id: &str, name: &str) -> Option<String> {
        self.value(id, name).and_then(string)
    }

    fn take_sampling(&self, sampler: &str, draft: &mut Draft) {
        let noise = self.link(sampler, "noise").unwrap_or(sampler);
        draft.seed = self.number(noise, "seed").or_else(|| self.number(noise, "noise_seed"));
        let selected = self.link(sampler, "sampler").unwrap_or(sampler);
        draft.sampler = self.string(selected, "sampler_name");
        let sigmas = self.link(sampler, "sigmas").unwrap_or(sampler);
        draft.steps = self.number(sigmas, "steps");
        draft.scheduler = self.string(sigmas, "scheduler").or_else(|| {
            let named = self.class(sigmas).strip_suffix("Scheduler")?;
            ["Karras", "Exponential"].contains(&named).then(|| named.to_owned())
        });
        draft.strength = self.number(sigmas, "denoise").filter(|denoise| *denoise < 1.0);
    }

    /// Returns the text behind a conditioning.
    fn text_of(&self, conditioning: &'a str, draft: &mut Draft) -> Option<String> {
        let mut id = conditioning;
        for _ in 0..LONGEST_PATH {
            if let Some(guidance) = self.number(id, "guidance") {
                draft.distilled_guidance = Some(guidance);
            }
            let texts = ["text", "t5xxl", "text_g", "prompt", "clip_l", "text_l"];
            if let Some(text) = texts.iter().find_map(|name| self.string(id, name)) {
                if let Some(clip) = self.link(id, "clip") {
                    self.take_clip_skip(clip, draft);
                }
                return Some(text);
            }
            let ways = ["conditioning", "positive", "conditioning_1", "conditioning_to"];
            id = ways.iter().find_map(|name| self.link(id, name))?;
        }
        None
    }

    fn take_clip_skip(&self, clip: &'a str, draft: &mut Draft) {
        let mut id = clip;
        for _ in 0..LONGEST_PATH {
            // Layers are counted from the end: -1 is the last one.
            if let Some(layer) = self.number(id, "stop_at_clip_layer") {
                draft.clip_skip = Some(-layer).filter(|skip| *skip > 1.0);
                return;
            }
            let Some(next) = self.link(id, "clip") else { return };
            id = next;
        }
    }

    /// Takes the model at the end of a chain, and what is loaded on the way.
    fn take_model(&self, model: &'a str, draft: &mut Draft) {
        let mut id = model;
        for _ in 0..LONGEST_PATH {
            if let Some(name) = self.string(id, "lora_name") {
                let weight = self.number(id, "strength_model").or_else(|| self.number(id, "strength")).unwrap_or(1.0);
                // The chain is walked from its end.
                draft.loras.insert(0, (name, weight));
            }
            draft.flow_shift = draft.flow_shift.or_else(|| self.number(id, "shift"));
            let names = ["ckpt_name", "unet_name", "model_name", "gguf_name"];
            if let Some(name) = names.iter().find_map(|name| self.string(id, name)) {
                draft.model = Some(name);
                return;
            }
            match self.link(id, "model") {
                Some(next) => id = next,
                None => {
                    let class = short(self.class(id));
                    draft.note(format!("the node {class} says no name of a model: choose one"));
                    return;
                }
            }
        }
    }

    fn latent(&self, sampler: &str) -> Option<&'a str> {
        self.link(sampler, "latent_image").or_else(|| self.link(sampler, "samples"))
    }

    fn is_empty_latent(&self, id: &str) -> bool {
        self.class(id).starts_with("Empty")
    }

    /// Takes the size of what is sampled, and whether it began with another picture.
    fn take_size(&self, latent: &'a str, draft: &mut Draft) {
        let mut id = latent;
        for _ in 0..LONGEST_PATH {
            if let (Some(width), Some(height)) = (self.number(id, "width"), self.number(id, "height")) {
                (draft.width, draft.height) = (Some(width), Some(height));
            }
            if self.is_empty_latent(id) {
                // A lower strength of an empty picture is no picture of somebody.
                draft.strength = None;
                return;
            }
            draft.has_mask |= self.input(id, "mask").is_some();
            if self.class(id).starts_with("VAEEncode") {
                draft.strength = draft.strength.or(Some(1.0));
            }
            let ways = ["samples", "latent_image", "latent", "pixels", "image"];
            let Some(next) = ways.iter().find_map(|name| self.link(id, name)) else { return };
            id = next;
        }
    }
}
