//! An answer as items.

use contract::text::{
    TextAnswer,
    reply::{Finish, TokenLogprob, Usage},
};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::{
    llm::whole::{Whole, another_answer},
    openai::chat::answer::one_token,
    problem::Error,
};

/// The fields of a request that its answer repeats, with what stands there if they were not sent.
const ECHOED: [(&str, &str); 14] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("reasoning", "{\"effort\":null,\"summary\":null}"),
    ("safety_identifier", "null"),
    ("store", "true"),
    ("temperature", "1"),
    ("text", "{\"format\":{\"type\":\"text\"}}"),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_p", "1"),
    ("truncation", "\"disabled\""),
    ("user", "null"),
];

/// How an answer looks.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    /// What every form of the answer says.
    base: Value,
    wants_logprobs: bool,
}

/// Returns what the answer repeats of the request.
pub(super) fn echo(request: &Value) -> Map<String, Value> {
    let sent = |name: &str| request.get(name).filter(|value| !value.is_null()).cloned();
    let usual = |text: &str| serde_json::from_str(text).unwrap_or_default();
    ECHOED.iter().map(|(name, text)| ((*name).to_owned(), sent(name).unwrap_or_else(|| usual(text)))).collect()
}

/// Returns a new id, which says what it names.
pub(super) fn new_id(kind: &str) -> String {
    format!("{kind}_{}", Uuid::now_v7().simple())
}

impl Manner {
    pub(super) fn new(echo: Map<String, Value>, now: OffsetDateTime, model: &str, wants_logprobs: bool) -> Self {
        let mut base = Value::Object(echo);
        base["id"] = new_id("resp").into();
        base["object"] = "response".into();
        base["created_at"] = now.unix_timestamp().into();
        base["model"] = model.into();
        base["background"] = false.into();
        base["service_tier"] = "default".into();
        for name in ["previous_response_id", "error", "incomplete_details", "usage", "completed_at"] {
            base[name] = Value::Null;
        }
        Self { base, wants_logprobs }
    }

    /// Returns the answer while it is being made.
    pub(super) fn begun(&self) -> Value {
        let mut answer = self.base.clone();
        answer["status"] = "in_progress".into();
        answer["output"] = json!([]);
        answer
    }

    /// Returns the whole answer.
    pub(super) fn ended(&self, items: Vec<Value>, finish: Finish, usage: Usage) -> Value {
        let mut answer = self.base.clone();
        let is_whole = finish != Finish::Length;
        answer["status"] = if is_whole { "completed" } else { "incomplete" }.into();
        if !is_whole {
            answer["incomplete_details"] = json!({ "reason": "max_output_tokens" });
        }
        answer["output"] = items.into();
        answer["usage"] = json!({
            "input_tokens": usage.prompt_tokens,
            "input_tokens_details": { "cached_tokens": usage.cached_tokens },
            "output_tokens": usage.completion_tokens,
            // This one must be there: none where nobody counted them.
            "output_tokens_details": { "reasoning_tokens": usage.reasoning_tokens },
            "total_tokens": u64::from(usage.prompt_tokens) + u64::from(usage.completion_tokens),
        });
        answer
    }

    /// Returns how likely tokens were, where that was asked for.
    pub(super) fn logprobs(&self, tokens: &[TokenLogprob]) -> Value {
        if !self.wants_logprobs {
            return json!([]);
        }
        let likely = |token: &TokenLogprob| {
            let mut told = one_token(token);
            told["top_logprobs"] = token.top.iter().map(one_token).collect();
            told
        };
        tokens.iter().map(likely).collect()
    }
}

/// Returns words as a part of a message.
pub(super) fn text_part(text: &str, logprobs: &Value) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": logprobs })
}

/// Returns a message.
pub(super) fn message(id: &str, status: &str, content: &[Value]) -> Value {
    json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": content })
}

/// Returns thoughts as a part.
pub(super) fn thought_part(text: &str) -> Value {
    json!({ "type": "reasoning_text", "text": text })
}

/// Returns thoughts.
pub(super) fn reasoning(id: &str, status: &str, content: &[Value]) -> Value {
    json!({ "id": id, "type": "reasoning", "status": status, "summary": [], "content": content })
}

/// Returns a call.
pub(super) fn call(id: &str, status: &str, call_id: &str, name: &str, arguments: &str) -> Value {
    json!({
        "id": id, "type": "function_call", "status": status, "call_id": call_id, "name": name, "arguments": arguments,
    })
}

/// Returns the items of a whole answer.
pub(super) fn items(manner: &Manner, whole: &Whole) -> Vec<Value> {
    const DONE: &str = "completed";
    let Some(said) = whole.said.first() else { return Vec::new() };
    let mut items = Vec::new();
    if !said.reasoning.is_empty() {
        items.push(reasoning(&new_id("rs"), DONE, &[thought_part(&said.reasoning)]));
    }
    if !said.text.is_empty() || said.calls.is_empty() {
        let part = text_part(&said.text, &manner.logprobs(&said.logprobs));
        items.push(message(&new_id("msg"), DONE, &[part]));
    }
    items.extend(said.calls.iter().map(|one| call(&new_id("fc"), DONE, &one.id, &one.name, &one.arguments)));
    items
}

/// Returns a whole answer.
pub(super) fn whole(manner: &Manner, items: Vec<Value>, whole: &Whole) -> Result<Value, Error> {
    let TextAnswer::Generated { usage, .. } = &whole.answer else { return Err(another_answer()) };
    let finish = whole.said.first().and_then(|said| said.finish).unwrap_or(Finish::Stop);
    Ok(manner.ended(items, finish, *usage))
}

#[cfg(test)]
mod tests {
    use contract::text::{chat::ToolCall, reply::Timings};

    use super::*;
    use crate::http::llm::whole::Said;

    #[test]
    fn an_answer_repeats_its_request_and_has_an_item_for_each_thing_said() {
        let request = json!({ "input": "x", "temperature": 0.5, "tools": [{ "type": "function", "name": "look" }], "metadata": null });
        let manner = Manner::new(echo(&request), OffsetDateTime::UNIX_EPOCH, "tiny", false);
        let call = ToolCall { id: "a".to_owned(), name: "look".to_owned(), arguments: "{}".to_owned() };
        let said =
            Said { text: "I look.".to_owned(), reasoning: "hm".to_owned(), calls: vec![call], ..Said::default() };
        let usage = Usage { prompt_tokens: 2, cached_tokens: 0, completion_tokens: 3, reasoning_tokens: None };
        let one = Whole { said: vec![said], answer: TextAnswer::Generated { usage, timings: Timings::default() } };
        let answer = whole(&manner, items(&manner, &one), &one).unwrap();
        let kinds: Vec<&Value> = answer["output"].as_array().unwrap().iter().map(|item| &item["type"]).collect();
        assert_eq!(kinds, ["reasoning", "message", "function_call"]);
        assert_eq!(
            (&answer["temperature"], &answer["top_p"], &answer["metadata"]),
            (&json!(0.5), &json!(1), &json!({}))
        );
        assert_eq!((&answer["status"], &answer["usage"]["total_tokens"]), (&json!("completed"), &json!(5)));
        assert!(answer.get("input").is_none() && answer["tools"][0]["name"] == "look");
        let cut = manner.ended(Vec::new(), Finish::Length, usage);
        assert_eq!(
            (&cut["status"], &cut["incomplete_details"]["reason"]),
            (&json!("incomplete"), &json!("max_output_tokens"))
        );
    }
}
