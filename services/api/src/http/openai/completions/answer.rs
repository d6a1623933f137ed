//! Continuations as OpenAI writes them.

use contract::text::{
    TextAnswer,
    reply::{Finish, TokenLogprob, Usage},
};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::{
    llm::whole::{Whole, another_answer},
    openai::chat::answer::{told_timings, told_usage},
    problem::Error,
};

/// How an answer looks.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    id: String,
    created: i64,
    model: String,
    pub(crate) wants_logprobs: bool,
    pub(crate) wants_usage: bool,
}

impl Manner {
    pub(crate) fn new(now: OffsetDateTime, model: String) -> Self {
        let id = format!("cmpl-{}", Uuid::now_v7().simple());
        Self { id, created: now.unix_timestamp(), model, wants_logprobs: false, wants_usage: false }
    }

    /// Returns a document with these choices.
    pub(crate) fn document(&self, choices: &[Value]) -> Value {
        json!({
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        })
    }

    /// Returns one choice. `offset` is how many characters of its text came before.
    pub(crate) fn choice(
        &self,
        index: usize,
        text: &str,
        tokens: &[TokenLogprob],
        offset: usize,
        finish: Option<Finish>,
    ) -> Value {
        let finish = finish.map(|finish| if finish == Finish::Length { "length" } else { "stop" });
        let logprobs = if self.wants_logprobs && !tokens.is_empty() { likely(tokens, offset) } else { Value::Null };
        json!({ "text": text, "index": index, "logprobs": logprobs, "finish_reason": finish })
    }
}

/// Returns all continuations of all texts, one after the other.
pub(crate) fn whole(manner: &Manner, wholes: &[Whole]) -> Result<Value, Error> {
    let mut choices = Vec::new();
    let mut answers = Vec::new();
    for whole in wholes {
        for said in &whole.said {
            let finish = Some(said.finish.unwrap_or(Finish::Stop));
            choices.push(manner.choice(choices.len(), &said.text, &said.logprobs, 0, finish));
        }
        answers.push(whole.answer.clone());
    }
    let mut document = manner.document(&choices);
    add_usage(&mut document, &answers)?;
    Ok(document)
}

/// Adds what all answers together took.
pub(crate) fn add_usage(document: &mut Value, answers: &[TextAnswer]) -> Result<(), Error> {
    let mut sum = Usage::default();
    for answer in answers {
        let TextAnswer::Generated { usage, timings } = answer else { return Err(another_answer()) };
        sum.prompt_tokens = sum.prompt_tokens.saturating_add(usage.prompt_tokens);
        sum.cached_tokens = sum.cached_tokens.saturating_add(usage.cached_tokens);
        sum.completion_tokens = sum.completion_tokens.saturating_add(usage.completion_tokens);
        document["timings"] = told_timings(*usage, *timings);
    }
    document["usage"] = told_usage(sum);
    Ok(())
}

fn likely(tokens: &[TokenLogprob], mut offset: usize) -> Value {
    let mut offsets = Vec::with_capacity(tokens.len());
    for token in tokens {
        offsets.push(offset);
        offset += token.token.chars().count();
    }
    let top = |token: &TokenLogprob| -> Map<String, Value> {
        token.top.iter().map(|one| (one.token.clone(), json!(one.logprob))).collect()
    };
    json!({
        "tokens": tokens.iter().map(|token| token.token.as_str()).collect::<Vec<_>>(),
        "token_logprobs": tokens.iter().map(|token| token.logprob).collect::<Vec<_>>(),
        "top_logprobs": tokens.iter().map(top).collect::<Vec<_>>(),
        "text_offset": offsets,
    })
}

#[cfg(test)]
mod tests {
    use contract::text::reply::Timings;

    use super::*;
    use crate::http::llm::whole::Said;

    #[test]
    fn the_continuations_of_several_texts_are_numbered_through_and_counted_together() {
        let whole_of = |text: &str| {
            let token = TokenLogprob { token: text.to_owned(), bytes: Vec::new(), logprob: -0.5, top: Vec::new() };
            let said = Said { text: text.to_owned(), logprobs: vec![token], ..Said::default() };
            let usage = Usage { prompt_tokens: 3, cached_tokens: 1, completion_tokens: 2, reasoning_tokens: None };
            let answer = TextAnswer::Generated { usage, timings: Timings::default() };
            Whole { said: vec![said.clone(), said], answer }
        };
        let mut manner = Manner::new(OffsetDateTime::UNIX_EPOCH, "tiny".to_owned());
        manner.wants_logprobs = true;
        let answer = whole(&manner, &[whole_of("a"), whole_of("b")]).unwrap();
        let indices: Vec<&Value> =
            answer["choices"].as_array().unwrap().iter().map(|choice| &choice["index"]).collect();
        assert_eq!(indices, [0, 1, 2, 3]);
        assert_eq!(
            (&answer["choices"][2]["text"], &answer["choices"][2]["finish_reason"]),
            (&json!("b"), &json!("stop"))
        );
        assert_eq!(answer["choices"][0]["logprobs"]["token_logprobs"], json!([-0.5]));
        assert_eq!((&answer["usage"]["total_tokens"], &answer["object"]), (&json!(10), &json!("text_completion")));
    }
}
