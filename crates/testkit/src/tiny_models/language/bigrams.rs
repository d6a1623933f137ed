//! How often one word follows another.

use super::{sentences, vocabulary::Vocabulary};

/// What never happens still has this chance, so that a grammar can force it.
const NEVER: f64 = 1e-6;
/// How likely a sentence goes on with another one, beside ending for good.
const GOES_ON: f64 = 0.15;
/// How likely a text in quotes ends after a sentence: likelier than each word that could go on, so that the likeliest text is
/// one sentence, and so rare that without quotes nobody meets it.
const QUOTE_ENDS: f64 = 0.06;

/// The chances of each word after each other.
pub(super) struct Bigrams {
    words: usize,
    chances: Vec<f64>,
}

impl Bigrams {
    pub(super) fn of(vocabulary: &Vocabulary) -> Self {
        let words = vocabulary.len();
        let mut new = Self { words, chances: vec![0.0; words * words] };
        for sentence in sentences::SENTENCES {
            let inside = sentences::words(sentence).into_iter().filter_map(|word| vocabulary.find(&word));
            // What the chat template ends with, and what an answer ends with.
            let all: Vec<_> = [vocabulary.line_break].into_iter().chain(inside).chain([vocabulary.end]).collect();
            all.windows(2).for_each(|pair| new.add(pair[0], pair[1], 1.0));
        }
        let first = new.row(vocabulary.line_break);
        new.add(vocabulary.tool_call, vocabulary.line_break, 1.0);
        new.add(vocabulary.tool_call_end, vocabulary.end, 1.0);
        new.add_signs(vocabulary, &first);
        for word in 0..words {
            if new.row(word).iter().sum::<f64>() == 0.0 {
                new.add_row(word, &first, 1.0);
            }
        }
        new.even_out();
        new
    }

    /// Returns the logarithm of the chance that `next` follows `word`.
    pub(super) fn logarithm(&self, word: usize, next: usize) -> f32 {
        logarithm(self.chances[word * self.words + next] + NEVER) as f32
    }

    /// What stands around words: the ends of sentences, and the signs of JSON, which only a grammar brings up.
    fn add_signs(&mut self, vocabulary: &Vocabulary, first: &[f64]) {
        let sign = |sign: &str| vocabulary.find(sign).unwrap_or_default();
        for end in [".", "!"] {
            let count: f64 = self.row(sign(end)).iter().sum();
            self.add_row(sign(end), first, GOES_ON * count);
            self.add(sign(end), sign("\""), QUOTE_ENDS * count);
        }
        for closing in [":", ",", "}", "]"] {
            self.add(sign("\""), sign(closing), 1.0);
        }
        self.add(sign("\""), vocabulary.end, 8.0);
        self.add_row(sign("\""), first, 4.0);
        for digit in '0'..='9' {
            for closing in [",", "}", "]"] {
                self.add(sign(&digit.to_string()), sign(closing), 1.0);
            }
        }
        for closing in ["}", "]", ">"] {
            self.add(sign(closing), vocabulary.end, 1.0);
        }
        // The grammar of a call has room for a list of them, and one is enough.
        self.add(sign("}"), vocabulary.tool_call_end, 4.0);
        for closing in ["}", "]"] {
            self.add(sign("}"), sign(closing), 1.0);
            self.add(sign("]"), sign(closing), 1.0);
        }
    }

    fn row(&self, word: usize) -> Vec<f64> {
        self.chances[word * self.words..(word + 1) * self.words].to_vec()
    }

    fn add(&mut self, word: usize, next: usize, weight: f64) {
        self.chances[word * self.words + next] += weight;
    }

    /// Adds these chances, whose sum counts as `weight`.
    fn add_row(&mut self, word: usize, row: &[f64], weight: f64) {
        let sum: f64 = row.iter().sum();
        row.iter().enumerate().for_each(|(next, chance)| self.add(word, next, weight * chance / sum));
    }

    /// Makes the sum of each row 1.
    fn even_out(&mut self) {
        for row in self.chances.chunks_mut(self.words) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|chance| *chance /= sum);
        }
    }
}

/// The natural logarithm, out of operations whose last bit is the same on every machine.
fn logarithm(number: f64) -> f64 {
    let (mut number, mut halvings) = (number, 0);
    while number < 0.75 {
        number *= 2.0;
        halvings += 1;
    }
    // ln x = 2 (y + y³/3 + y⁵/5 + …) with y = (x − 1) / (x + 1).
    let y = (number - 1.0) / (number + 1.0);
    let (mut power, mut sum) = (y, 0.0);
    for odd in (1..40).step_by(2) {
        sum += power / f64::from(odd);
        power *= y * y;
    }
    2.0 * sum - f64::from(halvings) * std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_the_one_of_the_machine_but_for_its_last_bits() {
        for number in [1e-6, 0.001, 0.3, 0.74, 0.75, 0.76, 1.0, 1.000_001] {
            assert!((logarithm(number) - f64::ln(number)).abs() < 1e-12, "{number}");
        }
    }

    #[test]
    fn the_likeliest_words_make_a_sentence_that_ends() {
        let vocabulary = Vocabulary::new();
        let bigrams = Bigrams::of(&vocabulary);
        let mut word = vocabulary.line_break;
        for _ in 0..40 {
            word = (0..bigrams.words)
                .max_by(|one, other| bigrams.logarithm(word, *one).total_cmp(&bigrams.logarithm(word, *other)))
                .unwrap_or_default();
            if word == vocabulary.end {
                return;
            }
        }
        panic!("it goes on for ever");
    }
}
