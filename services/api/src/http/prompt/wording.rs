//! Prompts as texts: what a model may change in them, what they look like, and when two are the same.

use std::fmt::Write as _;

use contract::spec::lora_tags::{self, Tagged};

use crate::http::problem::Error;

/// A prompt taken apart: LoRA tags are no words, so the model does not see them and they stay as they are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wording {
    /// What the model works on.
    pub(super) words: String,
    /// The tags, each with a blank before it.
    tags: String,
}

impl Wording {
    /// Takes a prompt apart.
    pub(super) fn of(prompt: &str) -> Self {
        let Tagged { prompt, loras, unreadable } = lora_tags::take(prompt);
        let mut tags = String::new();
        for lora in loras {
            // Writing to a `String` cannot fail.
            let _ = write!(tags, " <lora:{}:{}>", lora.name, lora.weight);
        }
        unreadable.iter().for_each(|tag| tags.extend([" ", tag]));
        Self { words: prompt.trim().to_owned(), tags }
    }

    /// Returns other words with the same tags.
    pub(super) fn with_tags(&self, words: &str) -> String {
        format!("{words}{}", self.tags)
    }
}

/// Takes the prompt of a request apart, which must have words.
pub(super) fn of_request(pointer: &str, prompt: &str) -> Result<Wording, Error> {
    let wording = Wording::of(prompt);
    if wording.words.is_empty() {
        return Err(Error::invalid_field(pointer, "there are no words in this prompt: say what the picture shows"));
    }
    Ok(wording)
}

/// Returns a text of a model as one line, without signs that cannot be seen. One that is as long as it may be was cut off in
/// the middle of something, so it ends with the last word that is whole.
pub(super) fn tidied(text: &str, most: usize) -> String {
    let is_cut_off = text.chars().count() >= most;
    let visible: String = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    let mut words: Vec<&str> = visible.split_whitespace().collect();
    if is_cut_off && words.len() > 1 {
        words.pop();
    }
    let line = words.join(" ").trim_start_matches([',', ';', ' ']).to_owned();
    if is_cut_off { line.trim_end_matches([',', ';', ' ']).to_owned() } else { line }
}

/// Returns whether two prompts say the same: in the same words, whatever stands between them.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    letters(one) == letters(other)
}

fn letters(text: &str) -> String {
    let words = text.split(|sign: char| !sign.is_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.map(str::to_lowercase).collect::<Vec<_>>().join(" ");
    // Prompts of signs alone are told apart by these.
    if joined.is_empty() { text.trim().to_owned() } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lora_tags_are_no_words_and_come_back_as_they_were() {
        let wording = Wording::of("a fox <lora:ink:0.5> in snow <lora:>");
        assert_eq!(wording.words, "a fox in snow");
        assert_eq!(wording.with_tags("a red fox"), "a red fox <lora:ink:0.5> <lora:>");
        assert_eq!(Wording::of(" a fox ").with_tags("a dog"), "a dog");
        assert_eq!(Wording::of("<lora:ink:1>").words, "");
    }

    #[test]
    fn a_text_becomes_one_line_and_one_that_was_cut_off_ends_with_a_whole_word() {
        assert_eq!(tidied(" a\nfox\t\u{0}in  snow ", 100), "a fox in snow");
        assert_eq!(tidied("a fox, in sn", 12), "a fox, in");
        assert_eq!(tidied("a fox, i", 8), "a fox");
        assert_eq!(tidied("unbelievable", 12), "unbelievable");
        assert_eq!(tidied(", a fox", 100), "a fox");
        assert_eq!(tidied("", 5), "");
    }

    #[test]
    fn prompts_are_the_same_in_other_letters_and_with_other_signs() {
        assert!(is_same("A fox, in snow.", "a fox  in snow"));
        assert!(!is_same("a fox in snow", "a fox in the snow"));
        assert!(is_same("???", " ??? ") && !is_same("???", "!!!"));
    }
}
