//! The answer to a chat as a stream of chunks.

use axum::body::Bytes;
use contract::text::{
    TextAnswer,
    reply::{Delta, Finish, TokenLogprob},
};
use serde_json::{Map, Value, json};

use super::answer::{Manner, told_timings, told_usage};
use crate::http::{
    llm::whole::new_call_id,
    openai::{
        errors,
        telling::{Tell, data, done},
    },
    problem::Error,
};

/// Tells of an answer in chunks.
pub(crate) struct Teller {
    manner: Manner,
    choices: Vec<Choice>,
}

/// How far one of the answers is.
#[derive(Debug, Clone, Default)]
struct Choice {
    has_begun: bool,
    has_ended: bool,
    /// How many calls have begun.
    calls: u32,
}

impl Teller {
    pub(crate) fn new(manner: Manner, count: u32) -> Self {
        let count = usize::try_from(count).unwrap_or(1);
        Self { manner, choices: vec![Choice::default(); count] }
    }

    fn chunk(&self, index: usize, delta: &Value, logprobs: &[TokenLogprob], finish: Option<Finish>) -> Bytes {
        let logprobs = if logprobs.is_empty() { Value::Null } else { self.manner.logprobs(logprobs) };
        let finish = finish.map(|finish| self.manner.finish(finish));
        let choice = json!({ "index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish });
        self.document(vec![choice])
    }

    fn document(&self, choices: Vec<Value>) -> Bytes {
        data(&self.document_value(choices))
    }

    fn document_value(&self, choices: Vec<Value>) -> Value {
        let mut chunk = self.manner.head("chat.completion.chunk");
        chunk["choices"] = choices.into();
        if self.manner.wants_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    }

    /// Returns the chunk that an answer begins with, if it has not begun.
    fn begin_choice(&mut self, index: usize) -> Option<Bytes> {
        let choice = self.choices.get_mut(index)?;
        if std::mem::replace(&mut choice.has_begun, true) {
            return None;
        }
        Some(self.chunk(index, &json!({ "role": "assistant", "content": "" }), &[], None))
    }

    /// Returns the pieces of calls as they are told.
    fn calls(&mut self, index: usize, piece: &Delta) -> Vec<Value> {
        let are_functions = self.manner.are_functions;
        let Some(choice) = self.choices.get_mut(index) else { return Vec::new() };
        let mut told = Vec::new();
        for part in &piece.tool_calls {
            let mut function = Map::new();
            if let Some(name) = &part.name {
                function.insert("name".to_owned(), name.as_str().into());
            }
            function.insert("arguments".to_owned(), part.arguments.as_str().into());
            if are_functions {
                // There is one call in this form; those beyond it cannot be told.
                if part.index == 0 {
                    told.push(function.into());
                }
                continue;
            }
            let mut call = json!({ "index": part.index, "function": function });
            if part.index >= choice.calls {
                choice.calls = part.index.saturating_add(1);
                call["id"] = part.id.clone().unwrap_or_else(new_call_id).into();
                call["type"] = "function".into();
            }
            told.push(call);
        }
        told
    }
}

impl Tell for Teller {
    fn begin(&mut self) -> Vec<Bytes> {
        self.begin_choice(0).into_iter().collect()
    }

    fn piece(&mut self, _: usize, piece: Delta) -> Vec<Bytes> {
        let index = usize::try_from(piece.choice).unwrap_or(usize::MAX);
        if self.choices.get(index).is_none_or(|choice| choice.has_ended) {
            return Vec::new();
        }
        let mut frames: Vec<Bytes> = self.begin_choice(index).into_iter().collect();
        if !piece.reasoning.is_empty() {
            frames.push(self.chunk(index, &json!({ "reasoning_content": piece.reasoning }), &[], None));
        }
        if !piece.text.is_empty() || !piece.logprobs.is_empty() {
            frames.push(self.chunk(index, &json!({ "content": piece.text }), &piece.logprobs, None));
        }
        let calls = self.calls(index, &piece);
        if self.manner.are_functions {
            frames
                .extend(calls.into_iter().map(|call| self.chunk(index, &json!({ "function_call": call }), &[], None)));
        } else if !calls.is_empty() {
            frames.push(self.chunk(index, &json!({ "tool_calls": calls }), &[], None));
        }
        if let Some(finish) = piece.finish {
            self.choices[index].has_ended = true;
            frames.push(self.chunk(index, &json!({}), &[], Some(finish)));
        }
        frames
    }

    fn end(&mut self, answers: &[TextAnswer]) -> Vec<Bytes> {
        let mut frames = Vec::new();
        for index in 0..self.choices.len() {
            if !std::mem::replace(&mut self.choices[index].has_ended, true) {
                frames.extend(self.begin_choice(index));
                frames.push(self.chunk(index, &json!({}), &[], Some(Finish::Stop)));
            }
        }
        if let (true, Some(TextAnswer::Generated { usage, timings })) = (self.manner.wants_usage, answers.first()) {
            let mut last = self.document_value(Vec::new());
            last["usage"] = told_usage(*usage);
            last["timings"] = told_timings(*usage, *timings);
            frames.push(data(&last));
        }
        frames.push(done());
        frames
    }

    fn fail(&mut self, error: &Error) -> Vec<Bytes> {
        vec![data(&errors::late(error)), done()]
    }
}

#[cfg(test)]
mod tests {
    use contract::text::reply::{Timings, ToolCallDelta, Usage};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "what was just said is told at once")]
    fn told(frames: Vec<Bytes>) -> Vec<Value> {
        let text: String = frames.iter().map(|frame| std::str::from_utf8(frame).unwrap()).collect();
        let lines = text.split_terminator("\n\n").map(|line| line.strip_prefix("data: ").unwrap());
        lines.map(|line| if line == "[DONE]" { "done".into() } else { serde_json::from_str(line).unwrap() }).collect()
    }

    fn text(choice: u32, text: &str, finish: Option<Finish>) -> Delta {
        Delta { choice, text: text.to_owned(), finish, ..Delta::default() }
    }

    #[test]
    fn a_stream_begins_with_the_role_and_ends_with_reason_usage_and_done() {
        let mut teller = Teller::new(Manner::new(false, false, true), 1);
        let mut frames = teller.begin();
        frames.extend(teller.piece(0, text(0, "hel", None)));
        frames.extend(teller.piece(0, text(0, "lo", Some(Finish::Stop))));
        let usage = Usage { prompt_tokens: 3, cached_tokens: 0, completion_tokens: 2, reasoning_tokens: None };
        frames.extend(teller.end(&[TextAnswer::Generated { usage, timings: Timings::default() }]));
        let told = told(frames);
        let deltas: Vec<&Value> = told.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
        assert_eq!(deltas[0], &json!({ "role": "assistant", "content": "" }));
        assert_eq!(
            (deltas[1], deltas[2], deltas[3]),
            (&json!({ "content": "hel" }), &json!({ "content": "lo" }), &json!({}))
        );
        assert_eq!(told[3]["choices"][0]["finish_reason"], "stop");
        assert!(told[..4].iter().all(|chunk| chunk["usage"].is_null() && chunk["object"] == "chat.completion.chunk"));
        assert_eq!((&told[4]["choices"], &told[4]["usage"]["total_tokens"]), (&json!([]), &json!(5)));
        assert_eq!((told.len(), &told[5]), (6, &json!("done")));
    }

    #[test]
    fn each_answer_begins_and_ends_once_even_if_nothing_was_said() {
        let mut teller = Teller::new(Manner::new(false, false, false), 2);
        let mut frames = teller.begin();
        frames.extend(teller.piece(0, text(1, "x", Some(Finish::Length))));
        frames.extend(teller.piece(0, text(1, "late", None)));
        frames.extend(teller.piece(0, text(7, "nobody", None)));
        frames.extend(teller.end(&[]));
        let told = told(frames);
        let of = |index: u64| -> Vec<Value> {
            let choices = told.iter().filter_map(|chunk| chunk["choices"].get(0).cloned());
            choices.filter(|choice| choice["index"] == index).collect()
        };
        assert_eq!((of(0).len(), of(1).len(), of(7).len()), (2, 3, 0));
        assert_eq!((&of(0)[1]["finish_reason"], &of(1)[2]["finish_reason"]), (&json!("stop"), &json!("length")));
    }

    #[test]
    fn a_call_has_its_id_once_and_its_arguments_in_pieces() {
        let part = |id: Option<&str>, name: Option<&str>, arguments: &str| Delta {
            tool_calls: vec![ToolCallDelta {
                index: 0,
                id: id.map(str::to_owned),
                name: name.map(str::to_owned),
                arguments: arguments.to_owned(),
            }],
            ..Delta::default()
        };
        let pieces = || [part(Some("a"), Some("look"), ""), part(None, None, "{}")];
        let mut teller = Teller::new(Manner::new(false, false, false), 1);
        let frames = pieces().into_iter().flat_map(|piece| teller.piece(0, piece)).collect();
        let frames = told(frames);
        let calls: Vec<&Value> = frames.iter().map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0]).collect();
        let first =
            json!({ "index": 0, "id": "a", "type": "function", "function": { "name": "look", "arguments": "" } });
        assert_eq!((calls[1], calls[2]), (&first, &json!({ "index": 0, "function": { "arguments": "{}" } })));
        let mut teller = Teller::new(Manner::new(false, true, false), 1);
        let frames = pieces().into_iter().flat_map(|piece| teller.piece(0, piece)).collect();
        assert_eq!(told(frames)[1]["choices"][0]["delta"]["function_call"], json!({ "name": "look", "arguments": "" }));
    }

    #[test]
    fn what_goes_wrong_in_the_middle_is_an_event_with_the_four_words() {
        let mut teller = Teller::new(Manner::default(), 1);
        let told = told(teller.fail(&Error::conflict("no")));
        assert_eq!((&told[0]["error"]["message"], &told[0]["error"]["code"]), (&json!("no"), &json!("conflict")));
        assert_eq!(told[1], "done");
    }
}
