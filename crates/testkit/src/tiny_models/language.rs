//! A language model that llama.cpp really loads and that writes sentences, and an eye for it. Nobody taught it: what follows a
//! word is counted in a few sentences of our own.
//!
//! The layout is that of Llama. A word is one number of many that is 1, the layers pass it on as it is, and the last matrix has
//! the logarithms of how often one word follows another: so it writes what [`sentences`] hold, ends, and is the same by seed.
//! One head of the first layer looks for `<tools>` and for `<tool_response>`: when the prompt has the first and not the second,
//! the first word of the answer is `<tool_call>`, and the grammar of the server makes it a true call.

mod bigrams;
mod eye;
mod sentences;
mod vocabulary;

use super::{gguf::Gguf, random::Random};
use bigrams::Bigrams;
use vocabulary::Vocabulary;

pub(super) use eye::eye;

const LAYERS: usize = 2;
const CONTEXT: usize = 8192;
/// Heads that ask; one answers.
const HEADS: usize = 2;
/// Width of one head.
const HEAD: usize = 32;
/// Width inside the feed-forward part.
const INNER: usize = 64;
/// Numbers of a word beyond those of the vocabulary. Two of them carry what the head found.
const SPARE: usize = 32;

/// A layer's matrices, which the first layer changes.
struct Layer {
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    output: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    down: Vec<f32>,
}

/// Returns the model, and its width, which an eye for it must have.
pub(super) fn model() -> (Gguf, usize) {
    let vocabulary = Vocabulary::new();
    let width = vocabulary.len() + SPARE;
    let mut file = Gguf::default();
    describe(&mut file, &vocabulary, width);
    add_words(&mut file, &vocabulary, width);
    let random = &mut Random::new(11);
    for place in 0..LAYERS {
        let mut layer = Layer::still(random, width);
        if place == 0 {
            layer.look_for_tools(&vocabulary, width);
        }
        layer.add_to(&mut file, place, width);
    }
    (file, width)
}

fn describe(file: &mut Gguf, vocabulary: &Vocabulary, width: usize) {
    file.set_text("general.architecture", "llama");
    file.set_text("general.name", "Atelier smoke");
    file.set_number("general.file_type", 1);
    file.set_number("llama.context_length", CONTEXT);
    file.set_number("llama.embedding_length", width);
    file.set_number("llama.block_count", LAYERS);
    file.set_number("llama.feed_forward_length", INNER);
    file.set_number("llama.attention.head_count", HEADS);
    file.set_number("llama.attention.head_count_kv", 1);
    file.set_number("llama.attention.key_length", HEAD);
    file.set_number("llama.attention.value_length", HEAD);
    file.set_number("llama.rope.dimension_count", HEAD);
    file.set_real("llama.rope.freq_base", 1e6);
    file.set_real("llama.attention.layer_norm_rms_epsilon", 1e-6);
    file.set_number("llama.vocab_size", vocabulary.len());
    vocabulary.describe(file);
    file.set_text("tokenizer.chat_template", sentences::CHAT_TEMPLATE);
}

fn add_words(file: &mut Gguf, vocabulary: &Vocabulary, width: usize) {
    let words = vocabulary.len();
    let mut embedding = vec![0.0; words * width];
    let mut output = vec![0.0; words * width];
    let bigrams = Bigrams::of(vocabulary);
    for word in 0..words {
        embedding[word * width + word] = 1.0;
        for next in 0..words {
            output[next * width + word] = bigrams.logarithm(word, next);
        }
    }
    output[vocabulary.tool_call * width + calls(words)] = 60.0;
    file.add_f16("token_embd.weight", &[words, width], &embedding);
    // The norm makes the root of the width out of the 1.
    file.add_even("output_norm.weight", width, 1.0 / (width as f32).sqrt());
    file.add_f16("output.weight", &[words, width], &output);
}

/// The spare number that says: there are tools, and no result yet.
fn found(words: usize) -> usize {
    words
}

/// The spare number that says: the next word is a call.
fn calls(words: usize) -> usize {
    words + 1
}

impl Layer {
    /// Returns a layer that costs time and changes nothing: what it finds is multiplied by 0.
    fn still(random: &mut Random, width: usize) -> Self {
        Self {
            query: random.matrix(HEADS * HEAD, width, 1.0),
            key: random.matrix(HEAD, width, 1.0),
            value: random.matrix(HEAD, width, 1.0),
            output: vec![0.0; width * HEADS * HEAD],
            gate: random.matrix(INNER, width, 1.0),
            up: random.matrix(INNER, width, 1.0),
            down: vec![0.0; width * INNER],
        }
    }

    /// Makes the first head look for the marks of tools, and one part of the rest say so at the line break before an answer.
    fn look_for_tools(&mut self, vocabulary: &Vocabulary, width: usize) {
        let words = vocabulary.len();
        // What the norm makes out of a 1 is as large as the root of the width.
        let unit = 1.0 / (width as f32).sqrt();
        // The pair of numbers that turns slowest with the place, so that it does not matter where the mark stands.
        let slow = HEAD - 2;
        self.query[..HEAD * width].fill(0.0);
        self.query[slow * width..(slow + 1) * width].fill(8.0 * unit);
        self.key.fill(0.0);
        self.value.fill(0.0);
        for (mark, sign) in [(vocabulary.tools, 1.0), (vocabulary.tool_response, -1.0)] {
            self.key[slow * width + mark] = 9.0 * unit;
            self.value[mark] = sign * unit;
        }
        self.output[found(words) * HEADS * HEAD] = 0.2;
        self.gate[..width].fill(0.0);
        self.gate[found(words)] = 1.0;
        self.up[..width].fill(0.0);
        self.up[vocabulary.line_break] = 1.0;
        self.down[calls(words) * INNER] = 3.0 / 110.0;
    }

    fn add_to(self, file: &mut Gguf, place: usize, width: usize) {
        let name = |part: &str| format!("blk.{place}.{part}.weight");
        file.add_even(name("attn_norm"), width, 1.0);
        file.add_even(name("ffn_norm"), width, 1.0);
        file.add_f16(name("attn_q"), &[HEADS * HEAD, width], &self.query);
        file.add_f16(name("attn_k"), &[HEAD, width], &self.key);
        file.add_f16(name("attn_v"), &[HEAD, width], &self.value);
        file.add_f16(name("attn_output"), &[width, HEADS * HEAD], &self.output);
        file.add_f16(name("ffn_gate"), &[INNER, width], &self.gate);
        file.add_f16(name("ffn_up"), &[INNER, width], &self.up);
        file.add_f16(name("ffn_down"), &[width, INNER], &self.down);
    }
}
