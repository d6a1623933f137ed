//! What a person wants of a language model: `<model>.json` beside it.
//!
//! ```json
//! {"context": 16384, "parallel": 2, "cache_type_k": "q8_0", "cache_type_v": "q8_0", "mmproj": "mmproj-f16.gguf",
//!  "system_prompt": "Answer in one sentence.", "chat_template_kwargs": {"enable_thinking": false}}
//! ```

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{CacheType, problem};
use crate::{
    header::{Language, Pooling},
    library::{files::Problem, sidecar},
};

/// What a context may be, in tokens.
const CONTEXTS: std::ops::RangeInclusive<u32> = 256..=16 << 20;
/// How many requests may be answered at once.
const PARALLELS: std::ops::RangeInclusive<u32> = 1..=64;
const REMEDY: &str = "correct the .json, or delete it";

/// What a person wants of a language model. What is not said is chosen by what fits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Preset {
    /// What sees for the model, as a path relative to the `.json`; an empty one is nothing at all.
    pub mmproj: Option<String>,
    /// How many tokens a request and its answer may have together.
    pub context: Option<u32>,
    /// How many requests are answered at once.
    pub parallel: Option<u32>,
    /// How keys are stored.
    pub cache_type_k: Option<CacheType>,
    /// How values are stored.
    pub cache_type_v: Option<CacheType>,
    /// What the model is told before a chat that tells it nothing.
    pub system_prompt: Option<String>,
    /// Whether it makes embeddings and nothing else.
    pub embeddings: bool,
    /// How it makes one embedding out of many tokens.
    pub pooling: Option<Pooling>,
    /// What its chat template is told: `{"enable_thinking": false}`.
    pub chat_template_kwargs: Map<String, Value>,
}

/// Reads the preset of a model. What another program wrote under that name says nothing.
pub(super) fn read(path: &Path, metadata: &Language) -> Result<Preset, Problem> {
    let wrong = |text: String| problem(&text, REMEDY);
    let text = sidecar::read_text(path).map_err(|error| wrong(format!("its .json could not be read: {error}")))?;
    let written: Value =
        serde_json::from_str(&text).map_err(|error| wrong(format!("its .json cannot be read: {error}")))?;
    if !is_ours(&written) {
        return Ok(Preset::default());
    }
    let preset: Preset =
        serde_json::from_value(written).map_err(|error| wrong(format!("its .json is no preset: {error}")))?;
    check(&preset, metadata).map_err(wrong)?;
    Ok(preset)
}

/// Other programs keep notes of their own beside a model, under the same name.
fn is_ours(written: &Value) -> bool {
    let (Value::Object(written), Ok(Value::Object(ours))) = (written, serde_json::to_value(Preset::default())) else {
        return false;
    };
    written.keys().any(|key| ours.contains_key(key))
}

fn check(preset: &Preset, metadata: &Language) -> Result<(), String> {
    let numbers = [("context", preset.context, CONTEXTS), ("parallel", preset.parallel, PARALLELS)];
    for (name, number, range) in numbers {
        if let Some(number) = number.filter(|number| !range.contains(number)) {
            return Err(format!("{name} {number} is not within {} and {}", range.start(), range.end()));
        }
    }
    let types = [
        ("cache_type_k", preset.cache_type_k, metadata.key_length()),
        ("cache_type_v", preset.cache_type_v, metadata.value_length()),
    ];
    for (name, cache_type, length) in types {
        let (Some(cache_type), Some(length)) = (cache_type, length) else { continue };
        if length % cache_type.block() != 0 {
            let (block, cache_type) = (cache_type.block(), cache_type.name());
            return Err(format!(
                "{name} {cache_type} stores {block} numbers at a time, and a head of this model has {length}"
            ));
        }
    }
    Ok(())
}
