//! `<lora:name:weight>` in prompts: what people write who know other programs.
//!
//! A tag names a LoRA and how much of it; without a weight it means 1. Tags are no words for the text encoder, so they are
//! taken out of the prompt before it is read.

use super::painting::Lora;

const OPENING: &str = "<lora:";

/// A prompt taken apart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tagged {
    /// The prompt without its tags.
    pub prompt: String,
    /// What the tags name, in their order.
    pub loras: Vec<Lora>,
    /// Tags that cannot be read, as they stand. They are taken out of the prompt too.
    pub unreadable: Vec<String>,
}

/// Takes the tags out of a prompt. What begins like a tag and is never closed stays in it, as words.
#[must_use]
pub fn take(prompt: &str) -> Tagged {
    let mut taken = Tagged::default();
    let mut rest = prompt;
    while let Some((before, after)) = rest.split_once(OPENING) {
        let Some((inside, behind)) = after.split_once('>') else { break };
        taken.prompt.push_str(before);
        match read(inside) {
            Some(lora) => taken.loras.push(lora),
            None => taken.unreadable.push(format!("{OPENING}{inside}>")),
        }
        // Of the spaces around a tag one is enough.
        let is_parted = taken.prompt.is_empty() || taken.prompt.ends_with(char::is_whitespace);
        rest = if is_parted { behind.trim_start_matches(' ') } else { behind };
    }
    taken.prompt.push_str(rest);
    if !taken.loras.is_empty() || !taken.unreadable.is_empty() {
        taken.prompt.truncate(taken.prompt.trim_end().len());
    }
    taken
}

/// Returns each LoRA once, in the order of their first mention: weights of the same one add up.
#[must_use]
pub fn add_up(loras: impl IntoIterator<Item = Lora>) -> Vec<Lora> {
    let mut sums: Vec<Lora> = Vec::new();
    for lora in loras {
        match sums.iter_mut().find(|known| known.name == lora.name) {
            Some(known) => known.weight += lora.weight,
            None => sums.push(lora),
        }
    }
    sums
}

/// Reads what stands between `<lora:` and `>`.
fn read(inside: &str) -> Option<Lora> {
    let (name, weight) = match inside.split_once(':') {
        Some((name, weight)) => (name, weight.trim().parse().ok()?),
        None => (inside, 1.0),
    };
    let name = name.trim().to_owned();
    (!name.is_empty() && f64::is_finite(weight)).then_some(Lora { name, weight })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lora(name: &str, weight: f64) -> Lora {
        Lora { name: name.to_owned(), weight }
    }

    #[test]
    fn tags_are_taken_out_and_the_words_stay() {
        let taken = take("a cat <lora:style/ink:0.5> on a mat<lora:mat:-1>, <lora: soft >");
        assert_eq!(taken.prompt, "a cat on a mat,");
        assert_eq!(taken.loras, [lora("style/ink", 0.5), lora("mat", -1.0), lora("soft", 1.0)]);
        assert_eq!(taken.unreadable, [""; 0]);
        assert_eq!(take("<lora:ink:1> a cat").prompt, "a cat");
        assert_eq!(take("<lora:ink:1>").prompt, "");
    }

    #[test]
    fn a_prompt_without_tags_stays_as_it_is() {
        for prompt in ["", "  a cat ", "1 < 2 > 0", "a <lora: without an end", "a < lora:b:1 >"] {
            assert_eq!(take(prompt), Tagged { prompt: prompt.to_owned(), ..Tagged::default() });
        }
    }

    #[test]
    fn tags_that_cannot_be_read_are_named() {
        for tag in ["<lora:ink:much>", "<lora::1>", "<lora:>", "<lora:ink:nan>", "<lora:ink:1:2>", "<lora:ink:>"] {
            let taken = take(&format!("a cat {tag}"));
            assert_eq!((taken.prompt.as_str(), taken.loras.len()), ("a cat", 0), "{tag}");
            assert_eq!(taken.unreadable, [tag]);
        }
    }

    #[test]
    fn weights_of_the_same_lora_add_up() {
        let sums = add_up([lora("ink", 0.5), lora("mat", 1.0), lora("ink", 0.25)]);
        assert_eq!(sums, [lora("ink", 0.75), lora("mat", 1.0)]);
    }
}
