//! Continuations as a stream.

use axum::body::Bytes;
use contract::text::{
    TextAnswer,
    reply::{Delta, Finish},
};
use serde_json::{Value, json};

use super::answer::{Manner, add_usage};
use crate::http::{
    openai::{
        errors,
        telling::{Tell, data, done},
    },
    problem::Error,
};

/// Tells of continuations.
pub(crate) struct Teller {
    manner: Manner,
    /// How many continuations each text has.
    count: usize,
    /// How many characters each continuation has; none of those that have ended.
    open: Vec<Option<usize>>,
}

impl Teller {
    pub(crate) fn new(manner: Manner, prompts: usize, count: u32) -> Self {
        let count = usize::try_from(count).unwrap_or(1);
        Self { manner, count, open: vec![Some(0); prompts.saturating_mul(count)] }
    }

    fn document(&self, choice: Value) -> Bytes {
        let mut document = self.manner.document(&[choice]);
        if self.manner.wants_usage {
            document["usage"] = Value::Null;
        }
        data(&document)
    }
}

impl Tell for Teller {
    fn begin(&mut self) -> Vec<Bytes> {
        Vec::new()
    }

    fn piece(&mut self, place: usize, piece: Delta) -> Vec<Bytes> {
        let choice = usize::try_from(piece.choice).ok().filter(|choice| *choice < self.count);
        let Some(index) = choice.map(|choice| place * self.count + choice) else { return Vec::new() };
        let Some(Some(offset)) = self.open.get(index).copied() else { return Vec::new() };
        self.open[index] = piece.finish.is_none().then_some(offset + piece.text.chars().count());
        if piece.text.is_empty() && piece.logprobs.is_empty() && piece.finish.is_none() {
            return Vec::new();
        }
        let choice = self.manner.choice(index, &piece.text, &piece.logprobs, offset, piece.finish);
        vec![self.document(choice)]
    }

    fn end(&mut self, answers: &[TextAnswer]) -> Vec<Bytes> {
        let open: Vec<usize> = (0..self.open.len()).filter(|index| self.open[*index].is_some()).collect();
        let ends = open.into_iter().map(|index| self.manner.choice(index, "", &[], 0, Some(Finish::Stop)));
        let mut frames: Vec<Bytes> = ends.map(|choice| self.document(choice)).collect();
        if self.manner.wants_usage {
            let mut last = self.manner.document(&[]);
            match add_usage(&mut last, answers) {
                Ok(()) => frames.push(data(&last)),
                Err(error) => return self.fail(&error),
            }
        }
        frames.push(done());
        frames
    }

    fn fail(&mut self, error: &Error) -> Vec<Bytes> {
        vec![data(&json!(errors::late(error))), done()]
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn each_continuation_has_its_own_number_and_ends_once() {
        let manner = Manner::new(OffsetDateTime::UNIX_EPOCH, "tiny".to_owned());
        let mut teller = Teller::new(manner, 2, 2);
        let piece = |choice: u32, text: &str, finish: Option<Finish>| Delta {
            choice,
            text: text.to_owned(),
            finish,
            ..Delta::default()
        };
        let mut frames = teller.begin();
        frames.extend(teller.piece(0, piece(1, "a", Some(Finish::Length))));
        frames.extend(teller.piece(0, piece(1, "late", None)));
        frames.extend(teller.piece(1, piece(0, "b", None)));
        frames.extend(teller.piece(1, piece(2, "nobody", None)));
        frames.extend(teller.end(&[]));
        let frames: Vec<&str> = frames.iter().map(|frame| std::str::from_utf8(frame).unwrap()).collect();
        let choices: Vec<Value> = frames
            .iter()
            .filter_map(|frame| serde_json::from_str::<Value>(frame.strip_prefix("data: ")?).ok())
            .map(|document| document["choices"][0].clone())
            .collect();
        let told: Vec<(u64, &str, &Value)> = choices
            .iter()
            .map(|choice| {
                (choice["index"].as_u64().unwrap(), choice["text"].as_str().unwrap(), &choice["finish_reason"])
            })
            .collect();
        let (stop, length) = (json!("stop"), json!("length"));
        let null = Value::Null;
        assert_eq!(told, [(1, "a", &length), (2, "b", &null), (0, "", &stop), (2, "", &stop), (3, "", &stop)]);
        assert_eq!(frames.last(), Some(&"data: [DONE]\n\n"));
    }
}
