//! Turns pieces of the wire into events, and adds up what they amount to.

use contract::text::{
    TextAnswer, TextEvent,
    reply::{Delta, Finish, Timings, TokenLogprob, ToolCallDelta, Usage},
};

use super::{
    chunk::{Choice, Chunk, Logprob, Logprobs, Message},
    refusal,
    thoughts::Thoughts,
};
use crate::trouble::Trouble;

/// What an answer amounts to so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Totals {
    usage: Usage,
    timings: Timings,
    thoughts: Thoughts,
    /// Answers that have ended, of those that one request has.
    finished: u32,
    expected: u32,
    /// How many of the likeliest tokens were asked for.
    top: usize,
}

impl Totals {
    /// Begins to add up; so many of the likeliest tokens are told beside each chosen one.
    pub(crate) fn new(top: usize) -> Self {
        Self { top, ..Self::default() }
    }

    /// Says that a request for so many answers begins.
    pub(crate) fn expect(&mut self, answers: u32) {
        self.expected += answers;
    }

    /// Returns whether all answers that were expected have ended.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished >= self.expected
    }

    /// Returns what the whole amounts to.
    pub(crate) fn answer(&self) -> TextAnswer {
        let usage = Usage { reasoning_tokens: self.thoughts.tokens(), ..self.usage };
        TextAnswer::Generated { usage, timings: self.timings }
    }

    /// Takes in a piece, and returns what happened with it.
    pub(super) fn take_in(&mut self, chunk: Chunk, first_choice: u32) -> Result<Vec<TextEvent>, Trouble> {
        if let Some(error) = &chunk.error {
            return Err(refusal::of_error(None, error));
        }
        if let Some(usage) = &chunk.usage {
            // Each of several answers to one prompt is told of by itself.
            self.usage.prompt_tokens = self.usage.prompt_tokens.max(usage.prompt_tokens);
            self.usage.cached_tokens = self.usage.cached_tokens.max(usage.prompt_tokens_details.cached_tokens);
            self.usage.completion_tokens += usage.completion_tokens;
        }
        self.thoughts.take_in(&chunk, first_choice);
        if let Some(timings) = &chunk.timings {
            self.timings.prompt_ms = self.timings.prompt_ms.max(timings.prompt_ms);
            self.timings.generation_ms = self.timings.generation_ms.max(timings.predicted_ms);
        }
        let mut deltas: Vec<Delta> = chunk.choices.into_iter().map(|choice| self.of_choice(choice)).collect();
        if let Some(content) = chunk.content {
            let is_end = chunk.stop == Some(true);
            if is_end {
                self.usage.prompt_tokens = self.usage.prompt_tokens.max(chunk.tokens_evaluated.unwrap_or_default());
                self.usage.completion_tokens += chunk.tokens_predicted.unwrap_or_default();
                let known = chunk.timings.as_ref().map_or(0, |timings| timings.cache_n);
                self.usage.cached_tokens = self.usage.cached_tokens.max(known);
            }
            let finish = is_end.then_some(match chunk.stop_type.as_deref() {
                Some("limit") => Finish::Length,
                _ => Finish::Stop,
            });
            let logprobs = chunk.completion_probabilities.into_iter().map(|token| self.logprob(token)).collect();
            let choice = chunk.index.unwrap_or_default();
            deltas.push(Delta { choice, text: content, logprobs, finish, ..Delta::default() });
        }
        deltas.retain(|delta| *delta != Delta { choice: delta.choice, ..Delta::default() });
        for delta in &mut deltas {
            self.finished += u32::from(delta.finish.is_some());
            delta.choice += first_choice;
        }
        Ok(deltas.into_iter().map(TextEvent::Delta).collect())
    }

    fn of_choice(&self, choice: Choice) -> Delta {
        let Message { content, reasoning_content, tool_calls } = choice.delta.unwrap_or_default();
        let tool_calls = tool_calls.into_iter().map(|call| ToolCallDelta {
            index: call.index,
            id: call.id,
            name: call.function.name,
            arguments: call.function.arguments,
        });
        Delta {
            choice: choice.index,
            text: content + &choice.text.unwrap_or_default(),
            reasoning: reasoning_content,
            tool_calls: tool_calls.collect(),
            logprobs: choice.logprobs.map(|logprobs| self.logprobs(logprobs)).unwrap_or_default(),
            finish: choice.finish_reason.as_deref().map(finish),
        }
    }

    fn logprobs(&self, logprobs: Logprobs) -> Vec<TokenLogprob> {
        let Logprobs { content, tokens, token_logprobs, top_logprobs } = logprobs;
        if !content.is_empty() {
            return content.into_iter().map(|token| self.logprob(token)).collect();
        }
        let mut top_logprobs = top_logprobs.into_iter();
        let known = tokens.into_iter().zip(token_logprobs);
        let known = known.map(|(token, logprob)| {
            let likeliest = top_logprobs.next().flatten().unwrap_or_default().into_iter();
            let mut top: Vec<_> = likeliest.map(|(token, logprob)| named(token, logprob)).collect();
            top.sort_by(|one, other| other.logprob.total_cmp(&one.logprob));
            top.truncate(self.top);
            TokenLogprob { top, ..named(token, logprob.unwrap_or_default()) }
        });
        known.collect()
    }

    fn logprob(&self, token: Logprob) -> TokenLogprob {
        let top = token.top_logprobs.into_iter().take(self.top).map(|likely| self.logprob(likely)).collect();
        TokenLogprob { token: token.token, bytes: token.bytes, logprob: token.logprob, top }
    }
}

fn named(token: String, logprob: f64) -> TokenLogprob {
    TokenLogprob { bytes: token.clone().into_bytes(), token, logprob, top: Vec::new() }
}

fn finish(reason: &str) -> Finish {
    match reason {
        "length" => Finish::Length,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        _ => Finish::Stop,
    }
}

#[cfg(test)]
mod tests {
    use contract::job::FailureCode;

    use super::*;

    fn take_in(totals: &mut Totals, json: &str) -> Vec<Delta> {
        let events = totals.take_in(Chunk::read(json).unwrap(), 0).unwrap();
        let delta = |event| match event {
            TextEvent::Delta(delta) => delta,
            other => unreachable!("{other:?}"),
        };
        events.into_iter().map(delta).collect()
    }

    #[test]
    fn a_conversation_is_read_as_llama_server_writes_it() {
        let mut totals = Totals::new(0);
        totals.expect(1);
        let role = r#"{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}]}"#;
        assert_eq!(take_in(&mut totals, role), []);
        let thought = r#"{"choices":[{"finish_reason":null,"index":0,"delta":{"reasoning_content":"hm"}}]}"#;
        assert_eq!(take_in(&mut totals, thought)[0].reasoning, "hm");
        let call = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"look","arguments":"{"}}]}}]}"#;
        let call = take_in(&mut totals, call).remove(0).tool_calls.remove(0);
        assert_eq!((call.id.as_deref(), call.name.as_deref(), &*call.arguments), (Some("c1"), Some("look"), "{"));
        assert!(!totals.is_finished());
        let end = r#"{"choices":[{"index":0,"finish_reason":"tool_calls","delta":{}}]}"#;
        assert_eq!(take_in(&mut totals, end)[0].finish, Some(Finish::ToolCalls));
        let usage = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2}},"timings":{"prompt_ms":1.5,"predicted_ms":2.5,"cache_n":2}}"#;
        assert_eq!(take_in(&mut totals, usage), []);
        assert!(totals.is_finished());
        let usage = Usage { prompt_tokens: 7, cached_tokens: 2, completion_tokens: 3, reasoning_tokens: None };
        let timings = Timings { prompt_ms: 1.5, generation_ms: 2.5 };
        assert_eq!(totals.answer(), TextAnswer::Generated { usage, timings });
    }

    #[test]
    fn the_own_form_of_llama_server_is_read_too() {
        let mut totals = Totals::new(0);
        totals.expect(1);
        assert_eq!(take_in(&mut totals, r#"{"content":"be","stop":false,"index":0}"#)[0].text, "be");
        let end = r#"{"content":"","stop":true,"stop_type":"limit","tokens_predicted":5,"tokens_evaluated":4,"timings":{"cache_n":1}}"#;
        assert_eq!(take_in(&mut totals, end)[0].finish, Some(Finish::Length));
        let usage = Usage { prompt_tokens: 4, cached_tokens: 1, completion_tokens: 5, reasoning_tokens: None };
        assert_eq!(totals.answer(), TextAnswer::Generated { usage, timings: Timings::default() });
    }

    #[test]
    fn no_more_likely_tokens_are_told_than_were_asked_for() {
        let piece = r#"{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{"content":[{"token":"a","bytes":[97],"logprob":-0.1,"top_logprobs":[{"token":"a","logprob":-0.1},{"token":"b","logprob":-2.0}]}]}}]}"#;
        for top in [0, 1, 2] {
            let logprobs = &take_in(&mut Totals::new(top), piece)[0].logprobs;
            assert_eq!((logprobs[0].logprob, logprobs[0].top.len()), (-0.1, top));
        }
    }

    #[test]
    fn an_error_within_the_stream_is_the_end_of_the_answer() {
        let chunk = Chunk::read(r#"{"error":{"code":500,"message":"it broke","type":"server_error"}}"#).unwrap();
        let Err(Trouble::Failed(failure)) = Totals::new(0).take_in(chunk, 0) else { unreachable!() };
        assert_eq!(failure.code, FailureCode::Engine);
        assert!(failure.message.contains("it broke"), "{}", failure.message);
    }
}
