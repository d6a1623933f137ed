//! The answer to a chat as OpenAI writes it.

use contract::text::{
    TextAnswer,
    chat::ToolCall,
    reply::{Finish, Timings, TokenLogprob, Usage},
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::{
    llm::whole::{Said, Whole, another_answer},
    problem::Error,
};

/// What programs may compare to see whether the server changed.
const FINGERPRINT: &str = concat!("atelier-", env!("CARGO_PKG_VERSION"));

/// How an answer looks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Manner {
    id: String,
    created: i64,
    model: String,
    wants_logprobs: bool,
    /// Whether calls are told as `function_call`, the older form of a single one.
    pub(crate) are_functions: bool,
    /// Whether a stream ends with what was read and written.
    pub(crate) wants_usage: bool,
}

impl Manner {
    pub(crate) fn new(wants_logprobs: bool, are_functions: bool, wants_usage: bool) -> Self {
        Self { wants_logprobs, are_functions, wants_usage, ..Self::default() }
    }

    /// Notes when the answer began, and who gives it.
    pub(crate) fn begin(&mut self, now: OffsetDateTime, model: &str) {
        self.id = format!("chatcmpl-{}", Uuid::now_v7().simple());
        self.created = now.unix_timestamp();
        model.clone_into(&mut self.model);
    }

    /// Returns what every document of this answer begins with.
    pub(crate) fn head(&self, object: &str) -> Value {
        json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": FINGERPRINT,
            "service_tier": "default",
        })
    }

    /// Returns the word for why an answer ends.
    pub(crate) fn finish(&self, finish: Finish) -> &'static str {
        match finish {
            Finish::Stop => "stop",
            Finish::Length => "length",
            Finish::ToolCalls if self.are_functions => "function_call",
            Finish::ToolCalls => "tool_calls",
        }
    }

    /// Returns how likely tokens were, where that was asked for.
    pub(crate) fn logprobs(&self, tokens: &[TokenLogprob]) -> Value {
        if !self.wants_logprobs {
            return Value::Null;
        }
        json!({ "content": tokens.iter().map(likely).collect::<Vec<_>>(), "refusal": null })
    }
}

/// Returns a whole answer.
pub(crate) fn whole(manner: &Manner, whole: &Whole) -> Result<Value, Error> {
    let TextAnswer::Generated { usage, timings } = &whole.answer else { return Err(another_answer()) };
    let choices: Vec<Value> = whole.said.iter().enumerate().map(|(index, said)| choice(manner, index, said)).collect();
    let mut answer = manner.head("chat.completion");
    answer["choices"] = choices.into();
    answer["usage"] = told_usage(*usage);
    answer["timings"] = told_timings(*usage, *timings);
    Ok(answer)
}

fn choice(manner: &Manner, index: usize, said: &Said) -> Value {
    let says_nothing = said.text.is_empty() && !said.calls.is_empty();
    let mut message = json!({
        "role": "assistant",
        "content": if says_nothing { Value::Null } else { said.text.as_str().into() },
        "refusal": null,
        "annotations": [],
    });
    if !said.reasoning.is_empty() {
        message["reasoning_content"] = said.reasoning.as_str().into();
    }
    match said.calls.first() {
        Some(call) if manner.are_functions => {
            message["function_call"] = json!({ "name": call.name, "arguments": call.arguments });
        }
        Some(_) => message["tool_calls"] = said.calls.iter().map(told_call).collect(),
        None => {}
    }
    json!({
        "index": index,
        "message": message,
        "logprobs": manner.logprobs(&said.logprobs),
        "finish_reason": manner.finish(said.finish.unwrap_or(Finish::Stop)),
    })
}

fn told_call(call: &ToolCall) -> Value {
    json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": call.arguments } })
}

fn likely(token: &TokenLogprob) -> Value {
    let mut told = one_token(token);
    told["top_logprobs"] = token.top.iter().map(one_token).collect();
    told
}

/// Returns a token and how likely it was.
pub(crate) fn one_token(token: &TokenLogprob) -> Value {
    json!({ "token": token.token, "logprob": token.logprob, "bytes": token.bytes })
}

/// Returns what was read and written, as OpenAI counts it.
pub(crate) fn told_usage(usage: Usage) -> Value {
    let mut told = json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": u64::from(usage.prompt_tokens) + u64::from(usage.completion_tokens),
        "prompt_tokens_details": { "cached_tokens": usage.cached_tokens, "audio_tokens": 0 },
        "completion_tokens_details": {
            "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    });
    // Where nobody counted them, 0 would be wrong, and the field may be left out.
    if let Some(tokens) = usage.reasoning_tokens {
        told["completion_tokens_details"]["reasoning_tokens"] = tokens.into();
    }
    told
}

/// Returns how long it took, as llama.cpp tells it.
pub(crate) fn told_timings(usage: Usage, timings: Timings) -> Value {
    let read = usage.prompt_tokens.saturating_sub(usage.cached_tokens);
    let per_second = |tokens: u32, ms: f64| if ms > 0.0 { f64::from(tokens) * 1000.0 / ms } else { 0.0 };
    json!({
        "cache_n": usage.cached_tokens,
        "prompt_n": read,
        "prompt_ms": timings.prompt_ms,
        "prompt_per_second": per_second(read, timings.prompt_ms),
        "predicted_n": usage.completion_tokens,
        "predicted_ms": timings.generation_ms,
        "predicted_per_second": per_second(usage.completion_tokens, timings.generation_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, calls: Vec<ToolCall>, finish: Finish) -> Whole {
        let usage = Usage { prompt_tokens: 12, cached_tokens: 2, completion_tokens: 5, reasoning_tokens: None };
        let timings = Timings { prompt_ms: 10.0, generation_ms: 50.0 };
        let said = Said { text: text.to_owned(), calls, finish: Some(finish), ..Said::default() };
        Whole { said: vec![said], answer: TextAnswer::Generated { usage, timings } }
    }

    #[test]
    fn an_answer_has_the_shape_of_openai() {
        let mut manner = Manner::new(false, false, false);
        manner.begin(OffsetDateTime::UNIX_EPOCH, "llm/tiny");
        let answer = whole(&manner, &said("hello", Vec::new(), Finish::Length)).unwrap();
        assert_eq!((&answer["object"], &answer["model"]), (&json!("chat.completion"), &json!("llm/tiny")));
        assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
        let choice = &answer["choices"][0];
        assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&json!("hello"), &json!("length")));
        assert_eq!((&choice["logprobs"], &choice["message"]["refusal"]), (&Value::Null, &Value::Null));
        assert!(choice["message"].get("tool_calls").is_none());
        assert_eq!(
            (&answer["usage"]["total_tokens"], &answer["timings"]["predicted_per_second"]),
            (&json!(17), &json!(100.0))
        );
        assert_eq!(answer["usage"]["prompt_tokens_details"]["cached_tokens"], 2);
    }

    #[test]
    fn calls_are_told_in_the_form_in_which_they_were_offered() {
        let call = ToolCall { id: "a".to_owned(), name: "look".to_owned(), arguments: "{}".to_owned() };
        let whole_answer = said("", vec![call], Finish::ToolCalls);
        let answer = whole(&Manner::new(false, false, false), &whole_answer).unwrap();
        let choice = &answer["choices"][0];
        assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&Value::Null, &json!("tool_calls")));
        let told = json!([{ "id": "a", "type": "function", "function": { "name": "look", "arguments": "{}" } }]);
        assert_eq!(choice["message"]["tool_calls"], told);
        let answer = whole(&Manner::new(false, true, false), &whole_answer).unwrap();
        let choice = &answer["choices"][0];
        assert_eq!(choice["message"]["function_call"], json!({ "name": "look", "arguments": "{}" }));
        assert_eq!(choice["finish_reason"], "function_call");
    }
}
