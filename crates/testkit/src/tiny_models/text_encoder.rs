//! The text encoder: one layer in the form of Qwen3, whose vocabulary and heads the library takes as given.

use super::{TEXT, random::Random, tensors::Tensors};

/// Words that the library's tokenizer knows.
const VOCABULARY: usize = 151_936;
/// From here on the words are marks such as the begin of a chat.
const FIRST_MARK: usize = 151_643;
/// The newlines, `user` and `assistant` of the chat template, which stand around every prompt.
const TEMPLATE: [usize; 4] = [198, 271, 872, 77_091];
/// Width of all heads that ask.
const QUERIES: usize = 4096;
/// Width of all heads that answer.
const KEYS: usize = 1024;
/// Width of one head.
const HEAD: usize = 128;
/// Width inside the feed-forward part.
const INNER: usize = 64;

/// Returns the model. The words of the template say nothing, so that the prompt decides.
pub(super) fn model() -> Tensors {
    let random = &mut Random::new(9);
    let mut tensors = Tensors::default();
    let mut words = random.normal(1.0, VOCABULARY * TEXT);
    words[FIRST_MARK * TEXT..].fill(0.0);
    for word in TEMPLATE {
        words[word * TEXT..(word + 1) * TEXT].fill(0.0);
    }
    tensors.add_f16("model.embed_tokens.weight", &[VOCABULARY, TEXT], &words);
    tensors.add_even("model.norm.weight", TEXT, 1.0);
    // The strong projection lets the words of the prompt stand out against the padding.
    let matrices = [
        ("self_attn.q_proj", QUERIES, TEXT, 1.0),
        ("self_attn.k_proj", KEYS, TEXT, 1.0),
        ("self_attn.v_proj", KEYS, TEXT, 1.0),
        ("self_attn.o_proj", TEXT, QUERIES, 12.0),
        ("mlp.gate_proj", INNER, TEXT, 1.0),
        ("mlp.up_proj", INNER, TEXT, 1.0),
        ("mlp.down_proj", TEXT, INNER, 1.0),
    ];
    for (name, rows, columns, gain) in matrices {
        let name = format!("model.layers.0.{name}.weight");
        tensors.add_f16(name, &[rows, columns], &random.matrix(rows, columns, gain));
    }
    for name in ["self_attn.q_norm", "self_attn.k_norm"] {
        tensors.add_even(format!("model.layers.0.{name}.weight"), HEAD, 1.0);
    }
    for name in ["input_layernorm", "post_attention_layernorm"] {
        tensors.add_even(format!("model.layers.0.{name}.weight"), TEXT, 1.0);
    }
    tensors
}
