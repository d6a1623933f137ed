//! How much memory a language model takes, reckoned before it is loaded.
//!
//! Four parts: the weights, which are as large as the files; the keys and values of all tokens (the KV cache), which are exact;
//! what a step computes in; and what sees for the model. The last two are rules of thumb that lean to the large side.
//!
//! Each layer keeps a key and a value of each token: `kv_heads × (key_length + value_length)` numbers. Some models keep less,
//! which their header says: layers with a sliding window keep the last tokens only, layers with a state of fixed size keep
//! none, and shared layers use what others keep.

use super::{CacheType, LlmModel};
use crate::header::{Eye, Language, PerLayer};

/// How many tokens a context has at least, where the model can have as many.
pub const LEAST_CONTEXT: u64 = 4096;
/// llama.cpp rounds a context up to a multiple of this.
const STEP: u64 = 256;
/// More layers than any model has: a header that says more is not believed.
const MOST_LAYERS: u64 = 4096;
/// What the program itself takes: its code, its buffers for requests.
const PROGRAM_BYTES: u64 = 64 << 20;

/// How many tokens llama-server reads in one step.
const STEP_TOKENS: u64 = 512;

/// How a model is to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// How many tokens each request and its answer may have together.
    pub context: u64,
    /// How many requests are answered at once, each with a context of its own.
    pub parallel: u64,
    /// How keys are stored.
    pub cache_type_k: CacheType,
    /// How values are stored.
    pub cache_type_v: CacheType,
    /// How many tokens are computed in one step (`--ubatch-size`).
    pub step_tokens: u64,
}

/// How language models are loaded where their presets say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usual {
    /// How many requests at once.
    pub slots: u32,
    /// How many tokens each of them has; 0 for as many as the memory holds.
    pub context: u32,
}

impl Plan {
    /// Returns the plan of a model with so many tokens for each of so many requests.
    #[must_use]
    pub fn of(model: &LlmModel, context: u64, parallel: u64, makes_vectors: bool) -> Self {
        Self {
            context,
            parallel,
            cache_type_k: model.preset.cache_type_k.unwrap_or_default(),
            cache_type_v: model.preset.cache_type_v.unwrap_or_default(),
            // What is made into a vector is read at once.
            step_tokens: if makes_vectors { context.max(STEP_TOKENS) } else { STEP_TOKENS },
        }
    }

    /// Returns how a model is loaded on a device on which all models may hold so much together: as its preset says, and else
    /// as usual, with no more tokens than the memory holds.
    #[must_use]
    pub fn within(model: &LlmModel, usual: Usual, makes_vectors: bool, comfortable_mib: u64) -> Self {
        let parallel = u64::from(model.preset.parallel.unwrap_or(usual.slots));
        let plan = |context| Self::of(model, context, parallel, makes_vectors);
        if let Some(context) = model.preset.context {
            return plan(u64::from(context));
        }
        let within = context_within(model, &plan(0), comfortable_mib.saturating_mul(1 << 20));
        let wanted = if usual.context == 0 { u64::MAX } else { u64::from(usual.context) };
        plan(within.min(wanted))
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            context: LEAST_CONTEXT,
            parallel: 1,
            cache_type_k: CacheType::F16,
            cache_type_v: CacheType::F16,
            step_tokens: STEP_TOKENS,
        }
    }
}

/// How much memory a model takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// The files of the model.
    pub weights_bytes: u64,
    /// Keys and values of all tokens of all requests.
    pub kv_bytes: u64,
    /// What a step computes in, and the program itself.
    pub compute_bytes: u64,
    /// What sees for the model, with what it computes in.
    pub mmproj_bytes: u64,
}

impl Estimate {
    /// Returns the sum.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        let parts = [self.weights_bytes, self.kv_bytes, self.compute_bytes, self.mmproj_bytes];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

/// Returns how much memory a model takes under a plan.
#[must_use]
pub fn estimate(model: &LlmModel, plan: &Plan) -> Estimate {
    Estimate {
        weights_bytes: model.size_bytes,
        kv_bytes: kv_bytes(&model.metadata, plan),
        compute_bytes: compute_bytes(&model.metadata, plan),
        mmproj_bytes: model.mmproj.as_ref().map_or(0, |mmproj| eye_bytes(&mmproj.eye, mmproj.size_bytes)),
    }
}

/// Returns the longest context with which a model stays within so much memory, everything else as the plan says.
/// It is never shorter than [`LEAST_CONTEXT`], or than the model's own where that is shorter: whether that fits is for
/// [`estimate`] to say.
#[must_use]
pub fn context_within(model: &LlmModel, plan: &Plan, memory_bytes: u64) -> u64 {
    let longest = model.metadata.context_length.filter(|length| *length > 0).unwrap_or(LEAST_CONTEXT);
    let fits = |context| estimate(model, &Plan { context, ..*plan }).total_bytes() <= memory_bytes;
    if longest <= LEAST_CONTEXT || fits(longest) {
        return longest;
    }
    // `low` steps fit, or are the least that there may be; `high` steps do not.
    let (mut low, mut high) = (LEAST_CONTEXT / STEP, longest.div_ceil(STEP));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle * STEP) { low = middle } else { high = middle }
    }
    low * STEP
}

/// Returns the bytes that one more token takes in all layers that keep every token.
#[must_use]
pub fn kv_bytes_per_token(model: &Language, cache_type_k: CacheType, cache_type_v: CacheType) -> u64 {
    let rows =
        layers(model).filter(|layer| layer.keeps == Keeps::All).map(|layer| layer.bytes(cache_type_k, cache_type_v));
    rows.fold(0, u64::saturating_add)
}

/// Returns the bytes of keys and values of all tokens of all requests.
#[must_use]
pub fn kv_bytes(model: &Language, plan: &Plan) -> u64 {
    let all = plan.context.checked_next_multiple_of(STEP).unwrap_or(u64::MAX);
    let window = model.sliding_window.unwrap_or_default().saturating_add(plan.step_tokens);
    let window = window.checked_next_multiple_of(STEP).unwrap_or(u64::MAX).min(all);
    let bytes = layers(model).map(|layer| {
        let tokens = if layer.keeps == Keeps::All { all } else { window };
        layer.bytes(plan.cache_type_k, plan.cache_type_v).saturating_mul(tokens).saturating_mul(plan.parallel)
    });
    bytes.fold(0, u64::saturating_add)
}

/// What a step computes in: the widest thing that it makes of its tokens, which is the score of every word or the inside of a
/// layer, and a mask of who looks at whom.
fn compute_bytes(model: &Language, plan: &Plan) -> u64 {
    let words = model.vocabulary_size.unwrap_or_default();
    let width = model.embedding_length.unwrap_or_default();
    let inside =
        width.saturating_mul(4).saturating_add(model.feed_forward_length.unwrap_or_default().saturating_mul(3));
    let numbers = words.max(inside).saturating_mul(4);
    // Kept twice, with 32 and with 16 bits.
    let mask = plan.context.saturating_mul(plan.parallel).saturating_mul(6);
    numbers.saturating_add(mask).saturating_mul(plan.step_tokens).saturating_add(PROGRAM_BYTES)
}

/// What sees for a model takes its file, and for each square of a picture how much it looks at each other one.
fn eye_bytes(eye: &Eye, size_bytes: u64) -> u64 {
    let side = match (eye.image_size_px, eye.patch_size_px) {
        (Some(image), Some(patch)) if patch > 0 => image / patch,
        _ => return size_bytes.saturating_mul(2),
    };
    let squares = side.saturating_mul(side);
    let looks = squares.saturating_mul(eye.heads.unwrap_or(1));
    let inside = eye.embedding_length.unwrap_or_default().saturating_mul(4);
    let numbers = looks.saturating_add(inside).saturating_add(eye.feed_forward_length.unwrap_or_default());
    squares.saturating_mul(numbers).saturating_mul(4).saturating_add(size_bytes)
}

/// What a layer keeps of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layer {
    keeps: Keeps,
    key_numbers: u64,
    value_numbers: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeps {
    All,
    Window,
}

impl Layer {
    fn bytes(self, cache_type_k: CacheType, cache_type_v: CacheType) -> u64 {
        cache_type_k.bytes(self.key_numbers).saturating_add(cache_type_v.bytes(self.value_numbers))
    }
}

/// Returns the layers that keep anything.
fn layers(model: &Language) -> impl Iterator<Item = Layer> {
    let count = model.block_count.unwrap_or_default().min(MOST_LAYERS);
    let own = count.saturating_sub(model.shared_kv_layers);
    let interval = model.full_attention_interval.filter(|interval| *interval > 0).unwrap_or(1);
    (0..own).filter(move |layer| (layer + 1) % interval == 0).map(move |layer| {
        let heads = model.kv_heads.of(layer).or_else(|| model.heads.of(layer)).unwrap_or_default();
        let has_window = model.has_window(layer);
        let length = |of_all: Option<u64>, of_window: Option<u64>| {
            let length = of_window.filter(|_| has_window).or(of_all).unwrap_or_default();
            length.saturating_mul(heads)
        };
        Layer {
            keeps: if has_window { Keeps::Window } else { Keeps::All },
            key_numbers: length(model.key_length(), model.window_key_length),
            value_numbers: length(model.value_length(), model.window_value_length),
        }
    })
}

/// Models whose files do not say which layers have a window: of so many layers the last has none.
const WINDOW_PATTERNS: &[(&str, u64)] = &[
    ("afmoe", 4),
    ("cohere2", 4),
    ("exaone-moe", 4),
    ("exaone4", 4),
    ("gemma-embedding", 6),
    ("gemma2", 2),
    ("gemma3", 6),
    ("gemma3n", 5),
    ("gpt-oss", 2),
    ("llama4", 4),
    ("olmo2", 4),
    ("plamo3", 8),
    ("smallthinker", 4),
];

impl Language {
    /// Returns how many numbers the key of a token has in one head.
    #[must_use]
    pub fn key_length(&self) -> Option<u64> {
        self.key_length.or_else(|| self.head_length())
    }

    /// Returns how many numbers the value of a token has in one head.
    #[must_use]
    pub fn value_length(&self) -> Option<u64> {
        self.value_length.or_else(|| self.head_length())
    }

    /// What a head has where the file does not say: its share of the width.
    fn head_length(&self) -> Option<u64> {
        self.embedding_length?.checked_div(self.heads.largest()?)
    }

    /// Returns whether a layer looks back on a window only. Where it cannot be told it looks back on everything, which takes
    /// more memory.
    fn has_window(&self, layer: u64) -> bool {
        if self.sliding_window.is_none() {
            return false;
        }
        let known = || WINDOW_PATTERNS.iter().find(|(name, _)| *name == self.architecture).map(|(_, every)| *every);
        let every = match &self.window_pattern {
            PerLayer::Each(_) => return self.window_pattern.of(layer).is_some_and(|has_window| has_window != 0),
            PerLayer::Same(every) => *every,
            PerLayer::Unknown => match known() {
                Some(every) => every,
                None => return false,
            },
        };
        every == 0 || layer % every < every - 1
    }
}
