//! The words of the tiny language model, as the tokenizer of SentencePiece wants them.

use std::collections::HashMap;

use super::sentences;
use crate::tiny_models::gguf::Gguf;

/// How a blank is written in a word.
pub(super) const BLANK: char = '\u{2581}';

/// The numbers by which the file names what a word is.
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const OWN: i32 = 4;
const UNUSED: i32 = 5;
const BYTE: i32 = 6;

const SPECIAL: &[(&str, i32)] = &[
    ("<unk>", UNKNOWN),
    ("<s>", CONTROL),
    ("</s>", CONTROL),
    ("<|im_start|>", CONTROL),
    ("<|im_end|>", CONTROL),
    ("<tools>", OWN),
    ("</tools>", OWN),
    ("<tool_call>", OWN),
    ("</tool_call>", OWN),
    ("<tool_response>", OWN),
    ("</tool_response>", OWN),
];
/// The words are as many as a multiple of this.
const MULTIPLE: usize = 32;

/// All words, each with the place that is its number.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    words: Vec<Word>,
    places: HashMap<String, usize>,
    pub(super) end: usize,
    pub(super) tools: usize,
    pub(super) tool_call: usize,
    pub(super) tool_call_end: usize,
    pub(super) tool_response: usize,
    pub(super) line_break: usize,
}

#[derive(Debug)]
struct Word {
    text: String,
    score: f32,
    kind: i32,
}

impl Vocabulary {
    pub(super) fn new() -> Self {
        let mut new = Self::default();
        SPECIAL.iter().for_each(|(text, kind)| new.add((*text).to_owned(), 0.0, *kind));
        let first_byte = new.len();
        (0..=255_u8).for_each(|byte| new.add(format!("<0x{byte:02X}>"), 0.0, BYTE));
        for sign in [BLANK].into_iter().chain('!'..='~') {
            new.add(sign.to_string(), -100.0 - new.len() as f32 / 1000.0, NORMAL);
        }
        new.add_words_of_sentences();
        while !new.len().is_multiple_of(MULTIPLE) {
            new.add(format!("<pad{}>", new.len()), -1000.0, UNUSED);
        }
        let place = |text: &str| new.find(text).unwrap_or_default();
        let [end, tools, tool_call, tool_call_end, tool_response] =
            ["<|im_end|>", "<tools>", "<tool_call>", "</tool_call>", "<tool_response>"].map(place);
        let line_break = first_byte + usize::from(b'\n');
        Self { end, tools, tool_call, tool_call_end, tool_response, line_break, ..new }
    }

    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    pub(super) fn find(&self, text: &str) -> Option<usize> {
        self.places.get(text).copied()
    }

    pub(super) fn describe(&self, file: &mut Gguf) {
        let place = |text: &str| self.find(text).unwrap_or_default();
        file.set_text("tokenizer.ggml.model", "llama");
        file.set_text("tokenizer.ggml.pre", "default");
        file.set_texts("tokenizer.ggml.tokens", self.words.iter().map(|word| word.text.as_str()));
        file.set_reals("tokenizer.ggml.scores", self.words.iter().map(|word| word.score));
        file.set_numbers("tokenizer.ggml.token_type", self.words.iter().map(|word| word.kind));
        file.set_number("tokenizer.ggml.bos_token_id", place("<s>"));
        file.set_number("tokenizer.ggml.eos_token_id", self.end);
        file.set_number("tokenizer.ggml.eot_token_id", self.end);
        file.set_number("tokenizer.ggml.unknown_token_id", place("<unk>"));
        file.set_flag("tokenizer.ggml.add_bos_token", false);
        file.set_flag("tokenizer.ggml.add_space_prefix", false);
    }

    /// The tokenizer joins a word out of two that it knows, so that every beginning of a word must be a word, too, and a longer
    /// word must be joined later than a shorter one.
    fn add_words_of_sentences(&mut self) {
        let mut words: Vec<String> =
            sentences::SENTENCES.iter().flat_map(|sentence| sentences::words(sentence)).collect();
        words.sort_by_cached_key(|word| (word.chars().count(), word.clone()));
        words.dedup();
        let letters: Vec<Vec<char>> = words.iter().map(|word| word.chars().collect()).collect();
        let longest = letters.iter().map(Vec::len).max().unwrap_or_default();
        for length in 2..longest {
            for beginning in letters.iter().filter(|word| word.len() > length).map(|word| &word[..length]) {
                let text: String = beginning.iter().collect();
                if !words.contains(&text) && self.find(&text).is_none() {
                    self.add(text, -50.0 - length as f32, NORMAL);
                }
            }
        }
        for (word, letters) in words.into_iter().zip(&letters) {
            if self.find(&word).is_none() {
                self.add(word, -10.0 - letters.len() as f32, NORMAL);
            }
        }
    }

    fn add(&mut self, text: String, score: f32, kind: i32) {
        self.places.insert(text.clone(), self.len());
        self.words.push(Word { text, score, kind });
    }
}
