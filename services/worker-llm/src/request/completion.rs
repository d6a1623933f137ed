//! A text that goes on, in the words of the engine.

use contract::text::{AnswerFormat, Completion};
use serde_json::{Map, Value, json};

use super::{Plan, Terms, only_llama, sampling, several};
use crate::{endpoint::Dialect, trouble::Trouble};

/// Returns what to ask for, so that a text goes on.
pub(super) fn plan(completion: &Completion, terms: Terms<'_>) -> Result<Plan, Trouble> {
    let mut body = Map::new();
    sampling::add(&mut body, &completion.sampling, terms)?;
    add_format(&mut body, &completion.sampling.format, terms)?;
    if let Some(top) = sampling::logprobs(&completion.sampling) {
        let name = if terms.dialect == Dialect::Llama { "n_probs" } else { "logprobs" };
        body.insert(name.to_owned(), top.into());
    }
    let path = match (&completion.suffix, terms.dialect) {
        // Only in this form does llama-server look at what stands behind the gap.
        (Some(suffix), Dialect::Llama) => {
            body.insert("input_prefix".to_owned(), completion.prompt.clone().into());
            body.insert("input_suffix".to_owned(), suffix.clone().into());
            if let Some(most) = body.remove("max_tokens") {
                body.insert("n_predict".to_owned(), most);
            }
            "/infill"
        }
        (suffix, _) => {
            body.insert("prompt".to_owned(), completion.prompt.clone().into());
            if let Some(suffix) = suffix {
                body.insert("suffix".to_owned(), suffix.clone().into());
            }
            "/v1/completions"
        }
    };
    let echo = if completion.echo { completion.prompt.clone() } else { String::new() };
    let top = completion.sampling.top_logprobs.unwrap_or_default() as usize;
    Ok(Plan::Stream { calls: several(completion.count, path, &body, terms), echo, top })
}

fn add_format(body: &mut Map<String, Value>, format: &AnswerFormat, terms: Terms<'_>) -> Result<(), Trouble> {
    let (name, value): (&str, Value) = match format {
        AnswerFormat::Text => return Ok(()),
        AnswerFormat::JsonObject => ("json_schema", json!({ "type": "object" })),
        AnswerFormat::JsonSchema { schema } => ("json_schema", schema.clone()),
        AnswerFormat::Grammar { grammar } => ("grammar", grammar.clone().into()),
    };
    only_llama("a form for the continuation of a text", terms)?;
    body.insert(name.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(completion: Value, dialect: Dialect) -> Vec<super::super::Call> {
        let completion: Completion = serde_json::from_value(completion).unwrap();
        let terms = Terms { dialect, model: "m", most_answers: 1, system_prompt: Some("not for texts") };
        match plan(&completion, terms).unwrap() {
            Plan::Stream { calls, .. } => calls,
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn a_gap_is_filled_in_with_what_stands_behind_it() {
        let gap = json!({ "prompt": "a", "suffix": "c", "sampling": { "max_tokens": 3, "top_logprobs": 0 } });
        let call = calls(gap.clone(), Dialect::Llama).remove(0);
        assert_eq!((call.path, &call.body["input_suffix"]), ("/infill", &json!("c")));
        assert_eq!((&call.body["n_predict"], &call.body["n_probs"]), (&json!(3), &json!(1)));
        let call = calls(gap, Dialect::OpenAi).remove(0);
        assert_eq!((call.path, &call.body["suffix"]), ("/v1/completions", &json!("c")));
    }

    #[test]
    fn an_engine_with_one_slot_is_asked_once_for_each_answer() {
        let calls = calls(json!({ "prompt": "a", "count": 3 }), Dialect::Llama);
        assert_eq!(calls.iter().map(|call| (call.answers, call.body.get("n"))).collect::<Vec<_>>(), [(1, None); 3]);
    }
}
