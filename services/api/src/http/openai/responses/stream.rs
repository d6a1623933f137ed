//! An answer as a stream of named events.

use axum::body::Bytes;
use contract::text::{
    TextAnswer,
    reply::{Delta, Finish, TokenLogprob, ToolCallDelta},
};
use serde_json::{Value, json};

use super::{
    answer::{Manner, call, message, new_id, reasoning, text_part, thought_part},
    kept::Keeper,
};
use crate::http::{
    llm::whole::{another_answer, new_call_id},
    openai::{
        errors,
        telling::{Tell, event},
    },
    problem::Error,
};

const BEGUN: &str = "in_progress";
const DONE: &str = "completed";

/// Tells of an answer in events.
pub(super) struct Teller {
    manner: Manner,
    keeper: Option<Keeper>,
    /// The number of the next event.
    number: u64,
    /// The items, in order.
    items: Vec<Item>,
    finish: Finish,
}

/// An item of the answer.
struct Item {
    id: String,
    what: What,
    is_open: bool,
}

enum What {
    Thoughts { text: String },
    Words { text: String, logprobs: Vec<TokenLogprob> },
    Call { index: u32, call_id: String, name: String, arguments: String },
}

impl Teller {
    pub(super) fn new(manner: Manner, keeper: Option<Keeper>) -> Self {
        Self { manner, keeper, number: 0, items: Vec::new(), finish: Finish::Stop }
    }

    /// Returns an event of this type with its number.
    fn event(&mut self, kind: &str, mut data: Value) -> Bytes {
        data["type"] = kind.into();
        data["sequence_number"] = self.number.into();
        self.number += 1;
        event(&data)
    }

    /// Begins an item.
    fn open(&mut self, what: What) -> Vec<Bytes> {
        let kind = match &what {
            What::Thoughts { .. } => "rs",
            What::Words { .. } => "msg",
            What::Call { .. } => "fc",
        };
        let (id, place) = (new_id(kind), self.items.len());
        let item = Item { id: id.clone(), what, is_open: true };
        let told = self.told(&item, BEGUN);
        let part = match &item.what {
            What::Thoughts { .. } => Some(thought_part("")),
            What::Words { .. } => Some(text_part("", &json!([]))),
            What::Call { .. } => None,
        };
        self.items.push(item);
        let mut frames = vec![self.event("response.output_item.added", json!({ "output_index": place, "item": told }))];
        if let Some(part) = part {
            let data = json!({ "item_id": id, "output_index": place, "content_index": 0, "part": part });
            frames.push(self.event("response.content_part.added", data));
        }
        frames
    }

    /// Returns an item as it stands; one that has only begun is empty.
    fn told(&self, item: &Item, status: &str) -> Value {
        let is_done = status == DONE;
        match &item.what {
            What::Thoughts { text } => {
                let content = if is_done { vec![thought_part(text)] } else { Vec::new() };
                reasoning(&item.id, status, &content)
            }
            What::Words { text, logprobs } => {
                let part = || text_part(text, &self.manner.logprobs(logprobs));
                message(&item.id, status, &if is_done { vec![part()] } else { Vec::new() })
            }
            What::Call { call_id, name, arguments, .. } => {
                call(&item.id, status, call_id, name, if is_done { arguments } else { "" })
            }
        }
    }

    /// Ends an item.
    fn close(&mut self, place: usize) -> Vec<Bytes> {
        let Some(item) = self.items.get_mut(place).filter(|item| item.is_open) else { return Vec::new() };
        item.is_open = false;
        let (id, item) = (item.id.clone(), &self.items[place]);
        let told = self.told(item, DONE);
        let at = |mut data: Value| {
            data["item_id"] = id.as_str().into();
            data["output_index"] = place.into();
            data
        };
        let ends: Vec<(&str, Value)> = match &item.what {
            What::Thoughts { text } => vec![
                ("response.reasoning_text.done", at(json!({ "content_index": 0, "text": text }))),
                ("response.content_part.done", at(json!({ "content_index": 0, "part": told["content"][0] }))),
            ],
            What::Words { text, .. } => vec![
                (
                    "response.output_text.done",
                    at(json!({ "content_index": 0, "text": text, "logprobs": told["content"][0]["logprobs"] })),
                ),
                ("response.content_part.done", at(json!({ "content_index": 0, "part": told["content"][0] }))),
            ],
            What::Call { name, arguments, .. } => {
                vec![("response.function_call_arguments.done", at(json!({ "name": name, "arguments": arguments })))]
            }
        };
        let mut frames: Vec<Bytes> = ends.into_iter().map(|(kind, data)| self.event(kind, data)).collect();
        frames.push(self.event("response.output_item.done", json!({ "output_index": place, "item": told })));
        frames
    }

    /// Makes the last item one of this kind, and returns its place.
    fn turn_to(&mut self, is_same: fn(&What) -> bool, new: fn() -> What, frames: &mut Vec<Bytes>) -> usize {
        let is_last = self.items.last().is_some_and(|item| item.is_open && is_same(&item.what));
        if !is_last {
            frames.extend((0..self.items.len()).flat_map(|place| self.close_unless_call(place)).collect::<Vec<_>>());
            frames.extend(self.open(new()));
        }
        self.items.len() - 1
    }

    /// Ends an item that grows only while it is the last one. The pieces of calls may come mixed.
    fn close_unless_call(&mut self, place: usize) -> Vec<Bytes> {
        if matches!(self.items[place].what, What::Call { .. }) { Vec::new() } else { self.close(place) }
    }

    fn think(&mut self, more: &str, frames: &mut Vec<Bytes>) {
        let place = self.turn_to(
            |what| matches!(what, What::Thoughts { .. }),
            || What::Thoughts { text: String::new() },
            frames,
        );
        if let What::Thoughts { text } = &mut self.items[place].what {
            text.push_str(more);
        }
        let data = json!({ "item_id": self.items[place].id, "output_index": place, "content_index": 0, "delta": more });
        frames.push(self.event("response.reasoning_text.delta", data));
    }

    fn speak(&mut self, more: &str, tokens: Vec<TokenLogprob>, frames: &mut Vec<Bytes>) {
        let place = self.turn_to(
            |what| matches!(what, What::Words { .. }),
            || What::Words { text: String::new(), logprobs: Vec::new() },
            frames,
        );
        let told = self.manner.logprobs(&tokens);
        if let What::Words { text, logprobs } = &mut self.items[place].what {
            text.push_str(more);
            logprobs.extend(tokens);
        }
        let id = &self.items[place].id;
        let data = json!({ "item_id": id, "output_index": place, "content_index": 0, "delta": more, "logprobs": told });
        frames.push(self.event("response.output_text.delta", data));
    }

    fn call(&mut self, part: ToolCallDelta, frames: &mut Vec<Bytes>) {
        let is_this = |item: &Item| matches!(&item.what, What::Call { index, .. } if *index == part.index);
        let place = match self.items.iter().position(is_this) {
            Some(place) => place,
            None => {
                frames
                    .extend((0..self.items.len()).flat_map(|place| self.close_unless_call(place)).collect::<Vec<_>>());
                let call_id = part.id.unwrap_or_else(new_call_id);
                let name = part.name.unwrap_or_default();
                let new = What::Call { index: part.index, call_id, name, arguments: String::new() };
                frames.extend(self.open(new));
                self.items.len() - 1
            }
        };
        if part.arguments.is_empty() {
            return;
        }
        if let What::Call { arguments, .. } = &mut self.items[place].what {
            arguments.push_str(&part.arguments);
        }
        let data = json!({ "item_id": self.items[place].id, "output_index": place, "delta": part.arguments });
        frames.push(self.event("response.function_call_arguments.delta", data));
    }
}

impl Tell for Teller {
    fn begin(&mut self) -> Vec<Bytes> {
        let begun = json!({ "response": self.manner.begun() });
        vec![self.event("response.created", begun.clone()), self.event("response.in_progress", begun)]
    }

    fn piece(&mut self, _: usize, piece: Delta) -> Vec<Bytes> {
        let mut frames = Vec::new();
        if piece.choice != 0 {
            return frames;
        }
        if !piece.reasoning.is_empty() {
            self.think(&piece.reasoning, &mut frames);
        }
        if !piece.text.is_empty() || !piece.logprobs.is_empty() {
            self.speak(&piece.text, piece.logprobs, &mut frames);
        }
        for part in piece.tool_calls {
            self.call(part, &mut frames);
        }
        self.finish = piece.finish.unwrap_or(self.finish);
        frames
    }

    fn end(&mut self, answers: &[TextAnswer]) -> Vec<Bytes> {
        let Some(TextAnswer::Generated { usage, .. }) = answers.first() else { return self.fail(&another_answer()) };
        let usage = *usage;
        let mut frames = Vec::new();
        if self.items.is_empty() {
            // An answer without words is a message all the same.
            frames.extend(self.open(What::Words { text: String::new(), logprobs: Vec::new() }));
        }
        frames.extend((0..self.items.len()).flat_map(|place| self.close(place)).collect::<Vec<_>>());
        let items: Vec<Value> = self.items.iter().map(|item| self.told(item, DONE)).collect();
        if let Some(keeper) = &self.keeper {
            keeper.keep(&items);
        }
        let answer = self.manner.ended(items, self.finish, usage);
        let kind = if self.finish == Finish::Length { "response.incomplete" } else { "response.completed" };
        frames.push(self.event(kind, json!({ "response": answer })));
        frames
    }

    fn fail(&mut self, error: &Error) -> Vec<Bytes> {
        // Some programs look for the words within `error`, some beside it.
        let mut data = errors::late(error);
        for name in ["message", "code", "param"] {
            data[name] = data["error"][name].clone();
        }
        vec![self.event("error", data)]
    }
}

#[cfg(test)]
mod tests {
    use contract::text::reply::{Timings, Usage};
    use time::OffsetDateTime;

    use super::{super::answer::echo, *};

    fn events(frames: &[Bytes]) -> Vec<Value> {
        let read = |frame: &Bytes| {
            let text = std::str::from_utf8(frame).unwrap();
            let (name, data) = text.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
            let data: Value = serde_json::from_str(data.trim_end()).unwrap();
            assert_eq!(data["type"], name);
            data
        };
        frames.iter().map(read).collect()
    }

    fn teller() -> Teller {
        Teller::new(Manner::new(echo(&json!({})), OffsetDateTime::UNIX_EPOCH, "tiny", false), None)
    }

    fn end(teller: &mut Teller) -> Vec<Bytes> {
        let usage = Usage { prompt_tokens: 2, cached_tokens: 0, completion_tokens: 3, reasoning_tokens: None };
        teller.end(&[TextAnswer::Generated { usage, timings: Timings::default() }])
    }

    #[test]
    fn an_answer_with_thoughts_words_and_a_call_is_told_in_order_and_ends_with_the_whole() {
        let mut teller = teller();
        let mut frames = teller.begin();
        let piece = |reasoning: &str, text: &str| Delta {
            reasoning: reasoning.to_owned(),
            text: text.to_owned(),
            ..Delta::default()
        };
        frames.extend(teller.piece(0, piece("h", "")));
        frames.extend(teller.piece(0, piece("m", "I ")));
        frames.extend(teller.piece(0, piece("", "look.")));
        let part = |name: Option<&str>, arguments: &str| {
            let part = ToolCallDelta {
                index: 0,
                id: name.map(|_| "a".to_owned()),
                name: name.map(str::to_owned),
                arguments: arguments.to_owned(),
            };
            Delta { tool_calls: vec![part], ..Delta::default() }
        };
        frames.extend(teller.piece(0, part(Some("look"), "")));
        frames.extend(teller.piece(0, part(None, "{}")));
        frames.extend(end(&mut teller));
        let events = events(&frames);
        let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(
            kinds,
            [
                "response.created",
                "response.in_progress",
                "response.output_item.added",
                "response.content_part.added",
                "response.reasoning_text.delta",
                "response.reasoning_text.delta",
                "response.reasoning_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.output_item.added",
                "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "response.output_item.added",
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                "response.output_item.done",
                "response.completed",
            ]
        );
        let numbers: Vec<u64> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (0..21).collect::<Vec<u64>>());
        assert_eq!((&events[13]["text"], &events[18]["arguments"]), (&json!("I look."), &json!("{}")));
        let output = &events[20]["response"]["output"];
        assert_eq!((&output[0]["content"][0]["text"], &output[2]["call_id"]), (&json!("hm"), &json!("a")));
        assert_eq!(output[1]["id"], events[11]["item_id"]);
        assert_eq!(events[20]["response"]["usage"]["total_tokens"], 5);
        assert_eq!(events[9]["item"]["content"], json!([]));
    }

    #[test]
    fn pieces_of_two_calls_may_come_mixed_and_a_short_answer_is_incomplete() {
        let mut teller = teller();
        let part = |index: u32, arguments: &str| ToolCallDelta {
            index,
            arguments: arguments.to_owned(),
            ..ToolCallDelta::default()
        };
        let tool_calls = vec![part(0, "a"), part(1, "b"), part(0, "c")];
        teller.piece(0, Delta { tool_calls, finish: Some(Finish::Length), ..Delta::default() });
        let events = events(&end(&mut teller));
        let last = events.last().unwrap();
        assert_eq!(last["type"], "response.incomplete");
        let output = &last["response"]["output"];
        assert_eq!((&output[0]["arguments"], &output[1]["arguments"]), (&json!("ac"), &json!("b")));
    }

    #[test]
    fn an_answer_without_words_is_an_empty_message_and_a_failure_is_an_error() {
        let mut silent = teller();
        let events_of_silence = events(&end(&mut silent));
        assert_eq!(events_of_silence.last().unwrap()["response"]["output"][0]["content"][0]["text"], "");
        let told = events(&teller().fail(&Error::conflict("no")));
        assert_eq!((&told[0]["error"]["code"], &told[0]["message"]), (&json!("conflict"), &json!("no")));
    }
}
