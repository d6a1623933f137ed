//! How the tokens of an answer are chosen, and when it ends.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

/// How tokens are chosen. What is not said is as the model's preset has it, or else as the engine has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TextSampling {
    /// The most tokens of an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// What ends an answer, wherever it comes up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// How evenly unlikely tokens are chosen: 0 always takes the likeliest. From 0 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Only the likeliest tokens that together have this probability. From 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Only so many of the likeliest tokens; 0 is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    /// Only tokens with this share of the likeliest one's probability. From 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f64>,
    /// Only tokens as surprising as is typical. From 0 to 1; 1 is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typical_p: Option<f64>,
    /// How much less likely repeated tokens are. From 0 to 2; 1 is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_penalty: Option<f64>,
    /// How many of the last tokens count as repeated; -1 is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_last_n: Option<i32>,
    /// How much less likely tokens are that came up at all. From -2 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// How much less likely tokens are with each time they came up. From -2 to 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// The same seed and the same request give the same answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// How much likelier single tokens are. From -100 (never) to 100 (always).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "by_token")]
    pub logit_bias: BTreeMap<u32, f64>,
    /// How many of the likeliest tokens are told beside each chosen one; with 0 only the chosen one's probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<u32>,
    /// What an answer must look like.
    #[serde(default)]
    pub format: AnswerFormat,
}

/// What an answer must look like.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AnswerFormat {
    /// As the model likes.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON of this schema.
    JsonSchema {
        /// The schema.
        schema: Value,
    },
    /// What this grammar (GBNF) can make.
    Grammar {
        /// The grammar.
        grammar: String,
    },
}

/// Reads a map by token. Keys are strings in JSON, and inside of a tagged enum serde no longer knows that they may be numbers.
fn by_token<'de, D: Deserializer<'de>>(map: D) -> Result<BTreeMap<u32, f64>, D::Error> {
    let named = BTreeMap::<String, f64>::deserialize(map)?;
    let by_number = |(name, value): (String, f64)| match name.parse() {
        Ok(token) => Ok((token, value)),
        Err(_) => Err(D::Error::custom(format_args!("{name:?} is no token"))),
    };
    named.into_iter().map(by_number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Completion, TextRequest};

    #[test]
    fn a_bias_survives_the_way_through_the_queue() {
        let sampling = TextSampling { logit_bias: BTreeMap::from([(42, -100.0)]), ..TextSampling::default() };
        let completion = Completion { prompt: "x".to_owned(), suffix: None, count: 1, echo: false, sampling };
        let request = TextRequest::Completion(Box::new(completion));
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<TextRequest>(&json).unwrap(), request, "{json}");
    }
}
