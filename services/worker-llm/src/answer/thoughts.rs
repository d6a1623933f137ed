//! Counts the tokens of thoughts: as the engine counts them, or by how far it was before and behind each piece.

use std::collections::HashMap;

use super::chunk::{Chunk, Message};

/// The tokens of thoughts so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Thoughts {
    /// How far each answer was with its last piece, in tokens.
    reached: HashMap<u32, u32>,
    /// Of those pieces that were thoughts.
    counted: u32,
    /// What the engine itself says.
    told: Option<u32>,
}

impl Thoughts {
    /// Returns how many there are; none where nobody counted.
    pub(super) fn tokens(&self) -> Option<u32> {
        self.told.or_else(|| (!self.reached.is_empty()).then_some(self.counted))
    }

    /// Takes in a piece of the answers that are numbered from `first_choice` on.
    ///
    /// A mark that begins or ends the thoughts makes no piece, so it counts to the piece behind it.
    pub(super) fn take_in(&mut self, chunk: &Chunk, first_choice: u32) {
        if let Some(tokens) = chunk.usage.as_ref().and_then(|usage| usage.completion_tokens_details.reasoning_tokens) {
            // Each of several answers to one prompt is told of by itself.
            self.told = Some(self.told.unwrap_or_default().saturating_add(tokens));
        }
        let reached = chunk.timings.as_ref().and_then(|timings| timings.predicted_n);
        let (Some(reached), [choice]) = (reached, chunk.choices.as_slice()) else { return };
        let Some(message) = choice.delta.as_ref().filter(|message| says_something(message)) else { return };
        let before = self.reached.insert(first_choice.saturating_add(choice.index), reached).unwrap_or_default();
        if !message.reasoning_content.is_empty() {
            self.counted = self.counted.saturating_add(reached.saturating_sub(before));
        }
    }
}

fn says_something(message: &Message) -> bool {
    !(message.content.is_empty() && message.reasoning_content.is_empty() && message.tool_calls.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(pieces: &[(u32, &str)]) -> Option<u32> {
        let mut thoughts = Thoughts::default();
        for (first_choice, json) in pieces {
            thoughts.take_in(&Chunk::read(json).unwrap(), *first_choice);
        }
        thoughts.tokens()
    }

    #[test]
    fn the_tokens_of_thoughts_are_those_between_their_pieces() {
        let role = r#"{"choices":[{"index":0,"delta":{"role":"assistant"}}],"timings":{"predicted_n":1}}"#;
        let first = r#"{"choices":[{"index":0,"delta":{"reasoning_content":"h"}}],"timings":{"predicted_n":2}}"#;
        let second = r#"{"choices":[{"index":0,"delta":{"reasoning_content":"m"}}],"timings":{"predicted_n":5}}"#;
        let word = r#"{"choices":[{"index":0,"delta":{"content":"yes"}}],"timings":{"predicted_n":9}}"#;
        let end = r#"{"choices":[],"usage":{"completion_tokens":9},"timings":{"predicted_n":9}}"#;
        assert_eq!(count(&[(0, role), (0, first), (0, second), (0, word), (0, end)]), Some(5));
        assert_eq!(count(&[(0, word), (0, end)]), Some(0));
        // The next call begins with other answers, which are counted from their own beginning.
        assert_eq!(count(&[(0, second), (0, word), (1, first), (1, word)]), Some(7));
    }

    #[test]
    fn what_the_engine_says_counts_and_where_nobody_counts_nothing_is_said() {
        let told = r#"{"choices":[],"usage":{"completion_tokens_details":{"reasoning_tokens":3}}}"#;
        assert_eq!(count(&[(0, told)]), Some(3));
        let untold = r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}],"usage":{"completion_tokens":4,"completion_tokens_details":null}}"#;
        assert_eq!(count(&[(0, untold)]), None);
    }
}
