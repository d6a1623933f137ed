//! Says in a sentence why a llama-server is gone: how it ended, and its last words that mean something.

use process::{Exit, LogRing};

/// How far back the reason may stand: what follows it are traces.
const LINES: usize = 60;
/// No true sentence is longer.
const LONGEST_CHARACTERS: usize = 300;
/// What the line with the reason has in it, the surest first.
const SIGNS: &[&[&str]] = &[
    &["GGML_ASSERT", "GGML_ABORT", "what():", "out of memory", "CUDA error", "failed to allocate", "bad_alloc"],
    &["error loading model", "failed to load", "invalid argument", "failed", "error"],
];

/// Returns why a llama-server is gone.
pub(crate) fn sentence(exit: Exit, log: &LogRing) -> String {
    let lines = log.last(LINES);
    match reason(&lines) {
        Some(reason) => format!("llama-server {exit}: {reason}"),
        None => format!("llama-server {exit}, without a word"),
    }
}

/// Returns the line that says the most.
fn reason(lines: &[String]) -> Option<String> {
    let has = |line: &str, signs: &[&str]| signs.iter().any(|sign| line.contains(sign));
    // The first of the surest kind: what breaks afterwards breaks because of it.
    let found = SIGNS.iter().find_map(|signs| lines.iter().find(|line| has(line, signs)));
    let line = found.or_else(|| lines.last())?;
    Some(plain(line).chars().take(LONGEST_CHARACTERS).collect())
}

/// Returns a line without what the logger puts in front: the time, and a letter for its level.
fn plain(line: &str) -> &str {
    let mut rest = line.trim();
    while let Some((word, after)) = rest.split_once(' ') {
        let is_time = word.starts_with(|first: char| first.is_ascii_digit())
            && word.chars().all(|letter| letter.is_ascii_digit() || ".:".contains(letter));
        let is_level = word.len() == 1 && "EWIDT".contains(word);
        if !(is_time || is_level) {
            break;
        }
        rest = after.trim_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Option<String> {
        reason(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_line_with_the_reason_is_found_before_what_follows_from_it() {
        let reason = of(&[
            "0.00.012.345 I loading model",
            "0.00.100.000 E llama_model_load: error loading model: tensor 'x' is missing",
            "0.00.100.100 E srv    load_model: failed to load model, '/m/a.gguf'",
            "0.00.100.200 I srv    operator(): cleaning up before exit...",
        ]);
        assert_eq!(reason.as_deref(), Some("llama_model_load: error loading model: tensor 'x' is missing"));
    }

    #[test]
    fn an_assertion_counts_more_than_an_error_before_it() {
        let reason = of(&["W something failed", "ggml.c:12: GGML_ASSERT(a == b) failed", "(no debugger)"]);
        assert_eq!(reason.as_deref(), Some("ggml.c:12: GGML_ASSERT(a == b) failed"));
    }

    #[test]
    fn without_a_sign_it_is_the_last_line() {
        assert_eq!(of(&["one", "two"]).as_deref(), Some("two"));
        assert_eq!(of(&[]), None);
    }
}
