//! Finds the known name that somebody probably meant.

/// Longer words are no misspelt name of ours, and comparing them costs time.
const MOST_CHARACTERS: usize = 64;
/// How alike two words must be, from 0 to 1.
const LEAST_LIKENESS: f64 = 0.8;

/// Returns the known name that is most like this word, if one is like it at all.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().count() > MOST_CHARACTERS {
        return None;
    }
    let word = word.to_lowercase();
    let alike = known.into_iter().map(|name| (strsim::jaro_winkler(&word, name), name));
    alike.filter(|(likeness, _)| *likeness >= LEAST_LIKENESS).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_recognised_and_a_foreign_one_is_not() {
        let known = ["prompt", "negative_prompt", "steps", "width"];
        assert_eq!(nearest("stepz", known), Some("steps"));
        assert_eq!(nearest("Prompt", known), Some("prompt"));
        assert_eq!(nearest("lora", known), None);
        assert_eq!(nearest(&"s".repeat(1_000_000), known), None);
    }
}
