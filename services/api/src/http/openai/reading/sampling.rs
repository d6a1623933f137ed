//! How tokens are chosen, and what an answer must look like: the fields of OpenAI, and those of llama.cpp beside them.

use std::collections::BTreeMap;

use contract::text::{
    AnswerFormat, TextSampling,
    chat::{Chat, Thinking},
};
use serde_json::Value;

use super::object::{Object, as_whole};

/// The most tokens of an answer that anybody can ask for. The context of the model is less.
const MOST_TOKENS: i64 = 10_000_000;
/// OpenAI allows four words that end an answer, llama.cpp as many as one likes.
const MOST_STOPS: usize = 16;
const LONGEST_STOP: usize = 1000;
/// The most answers to one request.
const MOST_ANSWERS: u32 = 8;
/// The most alternatives to a token that are told.
pub(crate) const MOST_ALTERNATIVES: u32 = 20;
/// Vocabularies have fewer words.
const MOST_WORDS: u32 = 16_777_216;

/// Whose request it is: each names the same things a little differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Chat,
    Completion,
    Response,
}

/// Reads how tokens are chosen. What an answer must look like is read by [`read_format`].
pub(crate) fn read_sampling(request: &Object<'_>, dialect: Dialect) -> TextSampling {
    TextSampling {
        max_tokens: read_most_tokens(request, dialect),
        stop: read_stops(request),
        temperature: request.number("temperature", 0.0..=2.0),
        top_p: request.number("top_p", 0.0..=1.0),
        // Others say -1 for all of them.
        top_k: request.whole("top_k", -1..=1_000_000).map(|most| u32::try_from(most).unwrap_or(0)),
        min_p: request.number("min_p", 0.0..=1.0),
        typical_p: request.number("typical_p", 0.0..=1.0),
        repeat_penalty: request.number("repeat_penalty", 0.0..=2.0),
        repeat_last_n: request.whole("repeat_last_n", -1..=1_000_000).and_then(|last| i32::try_from(last).ok()),
        presence_penalty: request.number("presence_penalty", -2.0..=2.0),
        frequency_penalty: request.number("frequency_penalty", -2.0..=2.0),
        seed: read_seed(request),
        logit_bias: read_bias(request),
        top_logprobs: read_alternatives(request, dialect),
        format: AnswerFormat::Text,
    }
}

/// Reads how many answers are wanted.
pub(crate) fn read_count(request: &Object<'_>) -> u32 {
    request.count("n", 1..=MOST_ANSWERS).unwrap_or(1)
}

/// Reads what an answer must look like: `response_format` of chats, or a grammar.
pub(crate) fn read_format(request: &Object<'_>) -> AnswerFormat {
    let format = request.object("response_format").map_or(AnswerFormat::Text, |format| {
        let inner = || format.object("json_schema");
        one_format(&format, inner)
    });
    let grammar = request.text("grammar").filter(|grammar| !grammar.is_empty());
    match (grammar, format) {
        (None, format) => format,
        (Some(grammar), AnswerFormat::Text) => AnswerFormat::Grammar { grammar: grammar.to_owned() },
        (Some(_), format) => {
            request.refuse("grammar", "cannot be joined with a response_format that is JSON: send one of them");
            format
        }
    }
}

/// Reads a format, whose schema stands in the object that `inner` finds.
pub(crate) fn one_format<'a>(format: &Object<'a>, inner: impl Fn() -> Option<Object<'a>>) -> AnswerFormat {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Kind {
        Text,
        Object,
        Schema,
    }
    if !format.has("type") {
        format.refuse("type", "is required: text, json_object or json_schema");
        return AnswerFormat::Text;
    }
    let known = [("text", Kind::Text), ("json_object", Kind::Object), ("json_schema", Kind::Schema)];
    match format.choice("type", &known) {
        // llama.cpp takes a schema here, too.
        Some(Kind::Object) => match format.value("schema").filter(|schema| schema.is_object()) {
            Some(schema) => AnswerFormat::JsonSchema { schema: schema.clone() },
            None => AnswerFormat::JsonObject,
        },
        Some(Kind::Schema) => {
            let Some(inner) = inner() else {
                if !format.has("json_schema") {
                    format.refuse("json_schema", "is required: an object with name and schema");
                }
                return AnswerFormat::Text;
            };
            match inner.value("schema") {
                Some(schema @ Value::Object(_)) => return AnswerFormat::JsonSchema { schema: schema.clone() },
                Some(_) => inner.refuse("schema", "must be an object: a JSON schema"),
                None => inner.refuse("schema", "is required: the JSON schema of the answer"),
            }
            AnswerFormat::Text
        }
        Some(Kind::Text) | None => AnswerFormat::Text,
    }
}

/// Reads how much the model thinks before it answers.
pub(crate) fn read_thinking(request: &Object<'_>, dialect: Dialect) -> Option<Thinking> {
    const EFFORTS: [(&str, Thinking); 6] = [
        ("none", Thinking::Off),
        ("minimal", Thinking::Low),
        ("low", Thinking::Low),
        ("medium", Thinking::Medium),
        ("high", Thinking::High),
        ("xhigh", Thinking::High),
    ];
    let effort = match dialect {
        Dialect::Response => request.object("reasoning").and_then(|reasoning| reasoning.choice("effort", &EFFORTS)),
        _ => request.choice("reasoning_effort", &EFFORTS),
    };
    let template = request.object("chat_template_kwargs").and_then(|words| words.flag("enable_thinking"));
    match template {
        Some(false) => Some(Thinking::Off),
        Some(true) => Some(effort.filter(|effort| *effort != Thinking::Off).unwrap_or(Thinking::Medium)),
        None => effort,
    }
}

/// Refuses what an engine cannot do at once.
pub(crate) fn check_together(request: &Object<'_>, chat: &Chat) {
    if matches!(chat.sampling.format, AnswerFormat::Grammar { .. }) && !chat.tools.is_empty() {
        request.refuse("grammar", "cannot be joined with tools: send one of them");
    }
}

fn read_most_tokens(request: &Object<'_>, dialect: Dialect) -> Option<u32> {
    let names: &[&str] = match dialect {
        Dialect::Chat => &["max_completion_tokens", "max_tokens"],
        Dialect::Completion => &["max_tokens"],
        Dialect::Response => &["max_output_tokens"],
    };
    let read = |name: &&str| {
        // Many programs say -1 where they mean that there is no limit.
        let most = request.whole(name, -1..=MOST_TOKENS)?;
        if most == 0 {
            request.refuse(name, "must be at least 1");
        }
        u32::try_from(most).ok().filter(|most| *most > 0)
    };
    // Each is read, so that each mistake is named; the newer name counts.
    names.iter().map(read).fold(None, |chosen, most| chosen.or(most))
}

fn read_stops(request: &Object<'_>) -> Vec<String> {
    let stops: Vec<Option<&str>> = match request.value("stop") {
        None => return Vec::new(),
        Some(Value::String(stop)) if stop.is_empty() => return Vec::new(),
        Some(Value::String(stop)) => vec![Some(stop)],
        Some(Value::Array(list)) => list.iter().map(Value::as_str).collect(),
        Some(_) => vec![None],
    };
    let is_fit = |stop: &Option<&str>| stop.is_some_and(|stop| !stop.is_empty() && stop.len() <= LONGEST_STOP);
    if stops.len() > MOST_STOPS || !stops.iter().all(is_fit) {
        request.refuse(
            "stop",
            format_args!("must be a text, or a list of at most {MOST_STOPS} texts, none of them empty"),
        );
        return Vec::new();
    }
    stops.into_iter().flatten().map(str::to_owned).collect()
}

/// Reads the seed. OpenAI has more bits of it than engines have; the same seed stays the same one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the low bits are meant")]
fn read_seed(request: &Object<'_>) -> Option<u32> {
    // Others say -1 for a random one.
    request.whole("seed", i64::MIN..=i64::MAX).filter(|seed| *seed != -1).map(|seed| seed as u32)
}

fn read_bias(request: &Object<'_>) -> BTreeMap<u32, f64> {
    let Some(bias) = request.value("logit_bias") else { return BTreeMap::new() };
    let Some(bias) = bias.as_object() else {
        request.refuse("logit_bias", "must be an object: numbers of tokens, each with its bias");
        return BTreeMap::new();
    };
    let read = |(token, bias): (&String, &Value)| {
        let token = token.parse::<u32>().ok().filter(|token| *token < MOST_WORDS)?;
        Some((token, bias.as_f64().filter(|bias| (-100.0..=100.0).contains(bias))?))
    };
    let read: Option<BTreeMap<u32, f64>> = bias.iter().map(read).collect();
    if read.is_none() {
        request.refuse("logit_bias", "must have numbers of tokens as its keys, and numbers from -100 to 100");
    }
    read.unwrap_or_default()
}

fn read_alternatives(request: &Object<'_>, dialect: Dialect) -> Option<u32> {
    match dialect {
        Dialect::Completion => request.count("logprobs", 0..=MOST_ALTERNATIVES),
        Dialect::Response => request.count("top_logprobs", 0..=MOST_ALTERNATIVES).filter(|most| *most > 0),
        Dialect::Chat => {
            let (wanted, most) = (request.flag("logprobs"), request.count("top_logprobs", 0..=MOST_ALTERNATIVES));
            if most.is_some_and(|most| most > 0) && wanted != Some(true) {
                request.refuse("top_logprobs", "needs logprobs to be true");
            }
            wanted.filter(|wanted| *wanted).map(|_| most.unwrap_or(0))
        }
    }
}

/// Reads a list of the numbers of tokens; none if it is something else.
pub(crate) fn read_tokens(list: &[Value]) -> Option<Vec<u32>> {
    let read =
        |token: &Value| as_whole(token).and_then(|token| u32::try_from(token).ok()).filter(|token| *token < MOST_WORDS);
    list.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::openai::reading::object::Mistakes;

    #[expect(clippy::needless_pass_by_value, reason = "json! is written where it is used")]
    fn read(value: Value, dialect: Dialect) -> (TextSampling, AnswerFormat, Vec<String>) {
        let mistakes = Mistakes::default();
        let request = Object::at(String::new(), &value, &mistakes).unwrap();
        let (sampling, format) = (read_sampling(&request, dialect), read_format(&request));
        let wrong = mistakes.finish().err().and_then(|error| {
            error.fields().map(|(_, errors)| errors.iter().map(|error| error.pointer.clone()).collect::<Vec<_>>())
        });
        (sampling, format, wrong.unwrap_or_default())
    }

    #[test]
    fn the_fields_of_openai_and_of_llama_are_read_as_they_are_meant() {
        let value = json!({
            "max_tokens": 5, "max_completion_tokens": 7, "stop": ["a", "b"], "temperature": 2, "top_k": -1, "min_p": 0.1,
            "seed": 4_294_967_299_i64, "logit_bias": { "42": -100 }, "logprobs": true, "top_logprobs": 3,
            "repeat_last_n": -1, "user": 5, "metadata": [], "cache_prompt": "what",
        });
        let (sampling, _, wrong) = read(value, Dialect::Chat);
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!((sampling.max_tokens, sampling.top_k, sampling.seed), (Some(7), Some(0), Some(3)));
        assert_eq!((sampling.top_logprobs, sampling.repeat_last_n), (Some(3), Some(-1)));
        assert_eq!(sampling.stop, ["a", "b"]);
        assert_eq!(sampling.logit_bias, BTreeMap::from([(42, -100.0)]));
        let (sampling, _, _) =
            read(json!({ "max_tokens": -1, "stop": "x", "logprobs": 2, "seed": -1 }), Dialect::Completion);
        assert_eq!((sampling.max_tokens, sampling.top_logprobs, sampling.seed), (None, Some(2), None));
    }

    #[test]
    fn every_value_out_of_bounds_names_its_field() {
        let cases = [
            (json!({ "max_tokens": 0 }), "/max_tokens"),
            (json!({ "max_completion_tokens": "x" }), "/max_completion_tokens"),
            (json!({ "temperature": 2.1 }), "/temperature"),
            (json!({ "top_p": -0.1 }), "/top_p"),
            (json!({ "top_k": 0.5 }), "/top_k"),
            (json!({ "min_p": true }), "/min_p"),
            (json!({ "presence_penalty": 3 }), "/presence_penalty"),
            (json!({ "stop": ["a", ""] }), "/stop"),
            (json!({ "stop": vec!["x"; 17] }), "/stop"),
            (json!({ "stop": 5 }), "/stop"),
            (json!({ "seed": 1.5 }), "/seed"),
            (json!({ "logit_bias": { "x": 1 } }), "/logit_bias"),
            (json!({ "logit_bias": { "1": 101 } }), "/logit_bias"),
            (json!({ "logit_bias": [] }), "/logit_bias"),
            (json!({ "top_logprobs": 2 }), "/top_logprobs"),
            (json!({ "logprobs": true, "top_logprobs": 21 }), "/top_logprobs"),
            (json!({ "response_format": "json" }), "/response_format"),
            (json!({ "response_format": {} }), "/response_format/type"),
            (json!({ "response_format": { "type": "xml" } }), "/response_format/type"),
            (json!({ "response_format": { "type": "json_schema" } }), "/response_format/json_schema"),
            (
                json!({ "response_format": { "type": "json_schema", "json_schema": {} } }),
                "/response_format/json_schema/schema",
            ),
            (json!({ "response_format": { "type": "json_object" }, "grammar": "root ::= \"a\"" }), "/grammar"),
        ];
        for (value, pointer) in cases {
            assert_eq!(read(value.clone(), Dialect::Chat).2, [pointer], "{value}");
        }
    }

    #[test]
    fn a_format_is_a_schema_a_grammar_or_nothing() {
        let schema = json!({ "type": "object" });
        let wrapped =
            json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "x", "schema": schema } } });
        assert_eq!(read(wrapped, Dialect::Chat).1, AnswerFormat::JsonSchema { schema: schema.clone() });
        let of_llama = json!({ "response_format": { "type": "json_object", "schema": schema } });
        assert_eq!(read(of_llama, Dialect::Chat).1, AnswerFormat::JsonSchema { schema });
        let grammar = json!({ "grammar": "root ::= \"a\"", "response_format": { "type": "text" } });
        assert_eq!(read(grammar, Dialect::Chat).1, AnswerFormat::Grammar { grammar: "root ::= \"a\"".to_owned() });
        assert_eq!(read(json!({ "response_format": null }), Dialect::Chat).1, AnswerFormat::Text);
    }
}
