//! What a GGUF says about the language model in it, or about the eye of one.
//!
//! All of it is read from the metadata, of which no more is kept than is named here. Whatever is of another type than llama.cpp
//! writes is passed over: it decides how much memory is planned, not what is safe to load.

mod eye;
mod quantisation;
mod value;

use serde::{Deserialize, Serialize};

pub use eye::Eye;
pub(super) use value::Value;

/// What the eye of a language model calls its own architecture.
const EYE: &str = "clip";

/// What a GGUF says about the language model in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Language {
    /// `general.architecture`: `llama`, `qwen3`, …
    pub architecture: String,
    /// `general.name`.
    pub name: Option<String>,
    /// How many tokens it was taught to look back on.
    pub context_length: Option<u64>,
    /// Its layers.
    pub block_count: Option<u64>,
    /// Numbers of a token between the layers.
    pub embedding_length: Option<u64>,
    /// Numbers of a token inside of a layer.
    pub feed_forward_length: Option<u64>,
    /// Heads that ask, in each layer.
    pub heads: PerLayer,
    /// Heads that answer, in each layer; layers without memory of tokens have 0.
    pub kv_heads: PerLayer,
    /// Numbers of a key in one head.
    pub key_length: Option<u64>,
    /// Numbers of a value in one head.
    pub value_length: Option<u64>,
    /// The same two in layers that look back on a window only, where they differ.
    pub window_key_length: Option<u64>,
    /// See [`Self::window_key_length`].
    pub window_value_length: Option<u64>,
    /// How many tokens the layers with a window look back on.
    pub sliding_window: Option<u64>,
    /// Which layers have the window: of each so many all but one, or each by itself.
    pub window_pattern: PerLayer,
    /// The last layers that use what the ones before them remember.
    pub shared_kv_layers: u64,
    /// One of so many layers remembers tokens; the others carry a state of fixed size.
    pub full_attention_interval: Option<u64>,
    /// How many tokens it knows.
    pub vocabulary_size: Option<u64>,
    /// Whether it says how a chat is written.
    pub has_chat_template: bool,
    /// How it makes one embedding out of many tokens, if it is made for that.
    pub pooling: Option<Pooling>,
    /// `general.file_type`, in words: `Q4_K_M`.
    pub quantisation: Option<&'static str>,
    /// How many numbers its tensors have.
    pub parameters: u64,
    /// Which part of a model in several files this is.
    pub split: Option<Split>,
    /// What it sees or hears, if it is the eye of a model (`mmproj`) and no model itself.
    pub eye: Option<Eye>,
}

/// A number of each layer: the same for all, or one for each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PerLayer {
    /// The file does not say.
    #[default]
    Unknown,
    /// All have this.
    Same(u64),
    /// Each has its own.
    Each(Vec<u64>),
}

/// Which part of a model in several files a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// The first is 0.
    pub number: u64,
    /// How many there are.
    pub count: u64,
}

/// How one embedding is made out of many tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Not at all: each token has its own.
    None,
    /// Their mean.
    Mean,
    /// That of the first.
    #[serde(rename = "cls")]
    First,
    /// That of the last.
    Last,
    /// None, but how well two texts fit.
    Rank,
}

impl Pooling {
    /// Returns its name on the command line of llama-server.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Mean => "mean",
            Self::First => "cls",
            Self::Last => "last",
            Self::Rank => "rank",
        }
    }
}

impl PerLayer {
    /// Returns the number of a layer.
    #[must_use]
    pub fn of(&self, layer: u64) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::Same(number) => Some(*number),
            Self::Each(numbers) => usize::try_from(layer).ok().and_then(|layer| numbers.get(layer)).copied(),
        }
    }

    /// Returns the largest number of all layers.
    #[must_use]
    pub fn largest(&self) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::Same(number) => Some(*number),
            Self::Each(numbers) => numbers.iter().copied().max(),
        }
    }
}

impl Language {
    /// Looks at an entry of the metadata. The architecture, which begins most keys, need not be known yet.
    pub(super) fn see(&mut self, key: &str, value: Value) {
        match (key, value) {
            ("general.name", Value::Text(name)) => self.name = Some(name).filter(|name| !name.trim().is_empty()),
            ("general.file_type", Value::Number(number)) => self.quantisation = quantisation::find(number),
            ("split.no", Value::Number(number)) => self.split_mut().number = number,
            ("split.count", Value::Number(count)) => self.split_mut().count = count,
            ("tokenizer.chat_template", _) => self.has_chat_template = true,
            ("tokenizer.ggml.tokens", Value::Long(count)) => self.vocabulary_size = Some(count),
            (key, value) => match key.split_once('.') {
                Some((EYE, rest)) => self.eye.get_or_insert_default().see(rest, value),
                Some((_, rest)) => self.see_size(rest, value),
                None => {}
            },
        }
    }

    fn see_size(&mut self, key: &str, value: Value) {
        let per_layer = match (key, &value) {
            ("attention.head_count", _) => Some(&mut self.heads),
            ("attention.head_count_kv", _) => Some(&mut self.kv_heads),
            ("attention.sliding_window_pattern", _) => Some(&mut self.window_pattern),
            _ => None,
        };
        if let Some(per_layer) = per_layer {
            match value {
                Value::Number(number) => *per_layer = PerLayer::Same(number),
                Value::Numbers(numbers) => *per_layer = PerLayer::Each(numbers),
                _ => {}
            }
            return;
        }
        let number = match value {
            Value::Number(number) => number,
            // A width of each layer by itself: the largest counts.
            Value::Numbers(numbers) => numbers.into_iter().max().unwrap_or_default(),
            _ => return,
        };
        match key {
            "context_length" => self.context_length = Some(number),
            "block_count" => self.block_count = Some(number),
            "embedding_length" => self.embedding_length = Some(number),
            "feed_forward_length" => self.feed_forward_length = Some(number),
            "vocab_size" => self.vocabulary_size = self.vocabulary_size.or(Some(number)),
            "attention.key_length" => self.key_length = Some(number),
            "attention.value_length" => self.value_length = Some(number),
            "attention.key_length_swa" => self.window_key_length = Some(number),
            "attention.value_length_swa" => self.window_value_length = Some(number),
            "attention.sliding_window" => self.sliding_window = Some(number).filter(|window| *window > 0),
            "attention.shared_kv_layers" => self.shared_kv_layers = number,
            "full_attention_interval" => self.full_attention_interval = Some(number).filter(|every| *every > 0),
            "pooling_type" => self.pooling = pooling(number),
            _ => {}
        }
    }

    /// Adds the numbers of a tensor.
    pub(super) fn see_tensor(&mut self, numbers: u64) {
        self.parameters = self.parameters.saturating_add(numbers);
    }

    /// Returns what was seen, if it is a part of a language model: the model, a part of it, or its eye.
    pub(super) fn of_architecture(mut self, architecture: Option<&str>, is_language_model: bool) -> Option<Box<Self>> {
        self.eye = self.eye.filter(|_| architecture == Some(EYE));
        self.split = self.split.filter(|split| split.count > 1);
        self.architecture = architecture.unwrap_or_default().to_owned();
        (is_language_model || self.eye.is_some() || self.split.is_some()).then(|| Box::new(self))
    }

    /// Returns whether this is the first of several files, which may have no tensor itself.
    pub(super) fn begins_several_files(&self) -> bool {
        self.split.is_some_and(|split| split.number == 0 && split.count > 1)
    }

    fn split_mut(&mut self) -> &mut Split {
        self.split.get_or_insert(Split { number: 0, count: 0 })
    }
}

fn pooling(number: u64) -> Option<Pooling> {
    match number {
        0 => Some(Pooling::None),
        1 => Some(Pooling::Mean),
        2 => Some(Pooling::First),
        3 => Some(Pooling::Last),
        4 => Some(Pooling::Rank),
        _ => None,
    }
}
