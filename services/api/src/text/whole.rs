//! A whole answer, put together from its pieces.

use contract::{
    job::Failure,
    text::{
        TextAnswer, TextEvent,
        chat::ToolCall,
        reply::{Delta, Finish, TokenLogprob},
    },
};
use uuid::Uuid;

use super::{Answering, words};

/// What a model said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) calls: Vec<ToolCall>,
    pub(crate) logprobs: Vec<TokenLogprob>,
    pub(crate) finish: Option<Finish>,
}

/// All that came.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) said: Vec<Said>,
    pub(crate) answer: TextAnswer,
}

impl Said {
    /// Adds a piece. The number of a call is its place, so a call cannot have a number far beyond those before it.
    pub(crate) fn add(&mut self, piece: Delta) {
        self.text.push_str(&piece.text);
        self.reasoning.push_str(&piece.reasoning);
        self.logprobs.extend(piece.logprobs);
        self.finish = piece.finish.or(self.finish);
        for part in piece.tool_calls {
            let place = usize::try_from(part.index).unwrap_or(usize::MAX).min(self.calls.len());
            if place == self.calls.len() {
                self.calls.push(ToolCall { id: String::new(), name: String::new(), arguments: String::new() });
            }
            let call = &mut self.calls[place];
            if let Some(id) = part.id {
                call.id = id;
            }
            if let Some(name) = part.name {
                call.name = name;
            }
            if call.id.is_empty() {
                call.id = new_call_id();
            }
            call.arguments.push_str(&part.arguments);
        }
    }
}

/// Returns an id for a call that has none.
pub(crate) fn new_call_id() -> String {
    format!("call_{}", Uuid::now_v7().simple())
}

/// Waits for the end of an answer. `count` answers are expected; each is there, even if nothing was said.
pub(crate) async fn gather(answering: &mut Answering, count: u32) -> Result<Whole, Failure> {
    let count = usize::try_from(count).unwrap_or(1);
    let mut said = vec![Said::default(); count];
    while let Some(event) = answering.next().await {
        match event {
            TextEvent::Waiting { .. } => {}
            TextEvent::Delta(piece) => {
                let choice = usize::try_from(piece.choice).ok();
                if let Some(one) = choice.and_then(|choice| said.get_mut(choice)) {
                    one.add(piece);
                }
            }
            TextEvent::End { answer } => return Ok(Whole { said, answer }),
            TextEvent::Failed { failure } => return Err(failure),
        }
    }
    Err(words::lost())
}

#[cfg(test)]
mod tests {
    use contract::text::reply::ToolCallDelta;

    use super::*;

    #[test]
    fn pieces_of_calls_are_put_together_in_their_places() {
        let piece = |index: u32, id: Option<&str>, name: Option<&str>, arguments: &str| ToolCallDelta {
            index,
            id: id.map(str::to_owned),
            name: name.map(str::to_owned),
            arguments: arguments.to_owned(),
        };
        let mut said = Said::default();
        for part in [
            piece(0, Some("a"), Some("look"), "{\"x\""),
            piece(0, None, None, ":1}"),
            piece(1, None, Some("hear"), "{}"),
            piece(4_000_000_000, Some("c"), Some("far"), ""),
        ] {
            said.add(Delta { text: "t".to_owned(), tool_calls: vec![part], ..Delta::default() });
        }
        assert_eq!(said.text, "tttt");
        let calls: Vec<(&str, &str)> =
            said.calls.iter().map(|call| (call.name.as_str(), call.arguments.as_str())).collect();
        assert_eq!(calls, [("look", "{\"x\":1}"), ("hear", "{}"), ("far", "")]);
        assert!(said.calls[1].id.starts_with("call_") && said.calls[0].id == "a");
    }
}
