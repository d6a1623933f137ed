//! The smallest model that llama.cpp loads: one layer of noise, and a word for each byte.

use std::{fs, io, path::Path};

/// Width of the model and of its one head.
const WIDTH: usize = 64;
/// Where the metadata, and each tensor, begins: at a multiple of this.
const ALIGNMENT: usize = 32;
/// The numbers by which the format names the types of values.
const U32: u32 = 4;
const I32: u32 = 5;
const F32: u32 = 6;
const TEXT: u32 = 8;
const LIST: u32 = 9;
/// The numbers by which the format names what a word is.
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const BYTE: i32 = 6;
/// The places of the words that begin and end a text.
const BEGIN: usize = 1;
const END: usize = 2;
/// How SentencePiece writes a blank.
const BLANK: &str = "\u{2581}";

/// Writes the model, for texts of so many tokens.
pub(super) fn write(path: &Path, context: u32) -> io::Result<()> {
    let words = words();
    let mut entries = Entries::default();
    describe(&mut entries, &words, context);
    let tensors = tensors(words.len());
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_le_bytes());
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend(entries.count.to_le_bytes());
    bytes.extend(entries.bytes);
    let mut offset = 0;
    for (name, shape) in &tensors {
        bytes.extend(text(name));
        bytes.extend((shape.len() as u32).to_le_bytes());
        bytes.extend(shape.iter().flat_map(|length| (*length as u64).to_le_bytes()));
        // Numbers of 32 bits.
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend((offset as u64).to_le_bytes());
        offset += (shape.iter().product::<usize>() * size_of::<f32>()).next_multiple_of(ALIGNMENT);
    }
    for (_, shape) in &tensors {
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        bytes.extend((0..shape.iter().product()).flat_map(|place| noise(place).to_le_bytes()));
    }
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    fs::write(path, bytes)
}

fn words() -> Vec<(String, i32)> {
    let marks = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)].map(|(word, kind)| (word.to_owned(), kind));
    let bytes = (0..=u8::MAX).map(|byte| (format!("<0x{byte:02X}>"), BYTE));
    marks.into_iter().chain(bytes).chain([(BLANK.to_owned(), NORMAL)]).collect()
}

fn describe(entries: &mut Entries, words: &[(String, i32)], context: u32) {
    let numbers = [
        ("context_length", context as usize),
        ("embedding_length", WIDTH),
        ("block_count", 1),
        ("feed_forward_length", WIDTH),
        ("attention.head_count", 1),
        ("attention.head_count_kv", 1),
        ("rope.dimension_count", WIDTH),
        ("vocab_size", words.len()),
    ];
    entries.add("general.architecture", TEXT, &text("llama"));
    entries.add("general.name", TEXT, &text("Atelier trial"));
    for (name, number) in numbers {
        entries.add(&format!("llama.{name}"), U32, &(number as u32).to_le_bytes());
    }
    entries.add("llama.attention.layer_norm_rms_epsilon", F32, &1e-5_f32.to_le_bytes());
    entries.add("tokenizer.ggml.model", TEXT, &text("llama"));
    entries.add_list("tokenizer.ggml.tokens", TEXT, words.iter().map(|(word, _)| text(word)));
    entries.add_list("tokenizer.ggml.scores", F32, words.iter().map(|_| 0.0_f32.to_le_bytes().to_vec()));
    entries.add_list("tokenizer.ggml.token_type", I32, words.iter().map(|(_, kind)| kind.to_le_bytes().to_vec()));
    for (name, place) in [("bos", BEGIN), ("eos", END)] {
        entries.add(&format!("tokenizer.ggml.{name}_token_id"), U32, &(place as u32).to_le_bytes());
    }
}

/// Returns the names and shapes of all matrices and vectors, the length of a row first.
fn tensors(words: usize) -> Vec<(String, Vec<usize>)> {
    let square = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"];
    let square = square.map(|part| (format!("blk.0.{part}.weight"), vec![WIDTH, WIDTH]));
    let norms = ["blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"];
    let norms = norms.map(|part| (format!("{part}.weight"), vec![WIDTH]));
    let of_words = ["token_embd", "output"].map(|part| (format!("{part}.weight"), vec![WIDTH, words]));
    square.into_iter().chain(norms).chain(of_words).collect()
}

/// Returns a number between -0.5 and 0.5 that is the same each time.
fn noise(place: usize) -> f32 {
    // The golden ratio spreads the places over the whole range.
    let spread = (place as u32).wrapping_mul(0x9E37_79B9);
    (f64::from(spread) / f64::from(u32::MAX) - 0.5) as f32
}

/// What the file says of itself.
#[derive(Debug, Default)]
struct Entries {
    count: u64,
    bytes: Vec<u8>,
}

impl Entries {
    fn add(&mut self, key: &str, kind: u32, value: &[u8]) {
        self.count += 1;
        self.bytes.extend(text(key));
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend(value);
    }

    fn add_list(&mut self, key: &str, kind: u32, values: impl ExactSizeIterator<Item = Vec<u8>>) {
        let count = values.len() as u64;
        let head = kind.to_le_bytes().into_iter().chain(count.to_le_bytes());
        let list: Vec<u8> = head.chain(values.flatten()).collect();
        self.add(key, LIST, &list);
    }
}

/// Returns a text as it stands in the file: its length, its bytes.
fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}
