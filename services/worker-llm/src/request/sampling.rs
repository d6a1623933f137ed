//! How tokens are chosen, in the words of the engine.

use std::ops::RangeInclusive;

use contract::text::{AnswerFormat, TextSampling};
use serde_json::{Map, Value, json};

use super::{Terms, only_llama};
use crate::{endpoint::Dialect, trouble::Trouble};

/// A request with more stop words has been made by a program that went wrong.
const MOST_STOPS: usize = 64;
/// The most tokens that are told beside a chosen one.
const MOST_LOGPROBS: u32 = 20;

/// Adds what both forms of request have in common.
pub(super) fn add(body: &mut Map<String, Value>, sampling: &TextSampling, terms: Terms<'_>) -> Result<(), Trouble> {
    check(sampling)?;
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    set("stream", Some(true.into()));
    set("stream_options", Some(json!({ "include_usage": true })));
    set("model", Some(terms.model.into()));
    set("max_tokens", sampling.max_tokens.map(Value::from));
    set("stop", (!sampling.stop.is_empty()).then(|| sampling.stop.clone().into()));
    set("temperature", sampling.temperature.map(Value::from));
    set("top_p", sampling.top_p.map(Value::from));
    set("presence_penalty", sampling.presence_penalty.map(Value::from));
    set("frequency_penalty", sampling.frequency_penalty.map(Value::from));
    set("seed", sampling.seed.map(Value::from));
    if !sampling.logit_bias.is_empty() {
        let biases = sampling.logit_bias.iter();
        set("logit_bias", Some(match terms.dialect {
            Dialect::Llama => biases.map(|(token, bias)| json!([token, bias])).collect::<Vec<_>>().into(),
            Dialect::OpenAi => Value::Object(biases.map(|(token, bias)| (token.to_string(), json!(bias))).collect()),
        }));
    }
    if terms.dialect == Dialect::OpenAi {
        return Ok(());
    }
    set("top_k", sampling.top_k.map(Value::from));
    set("min_p", sampling.min_p.map(Value::from));
    set("typical_p", sampling.typical_p.map(Value::from));
    set("repeat_penalty", sampling.repeat_penalty.map(Value::from));
    set("repeat_last_n", sampling.repeat_last_n.map(Value::from));
    set("cache_prompt", Some(true.into()));
    // While a long prompt is read, only this shows that the engine has not hung.
    set("return_progress", Some(true.into()));
    Ok(())
}

/// Adds the form of an answer to a conversation.
pub(super) fn add_format(body: &mut Map<String, Value>, format: &AnswerFormat, terms: Terms<'_>) -> Result<(), Trouble> {
    let wanted = match format {
        AnswerFormat::Text => return Ok(()),
        AnswerFormat::JsonObject => json!({ "type": "json_object" }),
        AnswerFormat::JsonSchema { schema } => {
            json!({ "type": "json_schema", "json_schema": { "name": "answer", "strict": true, "schema": schema } })
        }
        AnswerFormat::Grammar { grammar } => {
            only_llama("a grammar", terms)?;
            body.insert("grammar".to_owned(), grammar.clone().into());
            return Ok(());
        }
    };
    body.insert("response_format".to_owned(), wanted);
    Ok(())
}

/// Returns how many likely tokens the engine is asked for; none where none are wanted. It cannot be asked for none of them.
pub(super) fn logprobs(sampling: &TextSampling) -> Option<u32> {
    sampling.top_logprobs.map(|top| top.max(1))
}

fn check(sampling: &TextSampling) -> Result<(), Trouble> {
    let numbers: [(&str, Option<f64>, RangeInclusive<f64>); 7] = [
        ("temperature", sampling.temperature, 0.0..=2.0),
        ("top_p", sampling.top_p, 0.0..=1.0),
        ("min_p", sampling.min_p, 0.0..=1.0),
        ("typical_p", sampling.typical_p, 0.0..=1.0),
        ("repeat_penalty", sampling.repeat_penalty, 0.0..=2.0),
        ("presence_penalty", sampling.presence_penalty, -2.0..=2.0),
        ("frequency_penalty", sampling.frequency_penalty, -2.0..=2.0),
    ];
    let biases = sampling.logit_bias.values().map(|bias| ("logit_bias", Some(*bias), -100.0..=100.0));
    for (name, value, range) in numbers.into_iter().chain(biases) {
        if let Some(value) = value.filter(|value| !range.contains(value)) {
            let (from, to) = (range.start(), range.end());
            return Err(Trouble::refused(format!("{name} is {value}"), format!("set it from {from} to {to}")));
        }
    }
    if sampling.top_logprobs.is_some_and(|top| top > MOST_LOGPROBS) {
        return Err(Trouble::refused("top_logprobs is too large", format!("set it to {MOST_LOGPROBS} at most")));
    }
    if sampling.stop.len() > MOST_STOPS {
        return Err(Trouble::refused("there are too many stop words", format!("give {MOST_STOPS} at most")));
    }
    Ok(())
}
