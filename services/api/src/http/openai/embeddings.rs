//! `POST /v1/embeddings`: vectors that stand for texts.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use base64::Engine as _;
use contract::text::{Embedding, EmbeddingInput, TextAnswer, TextRequest};
use serde_json::{Value, json};

use super::{
    errors,
    reading::{
        object::{Mistakes, Object},
        read_value,
        sampling::read_tokens,
    },
};
use crate::http::{
    Api,
    access::Caller,
    assets::upload::BASE64,
    llm::{
        ask::Question,
        whole::{another_answer, gather},
    },
    problem::Error,
    slow,
};

/// The most texts of one request.
const MOST_INPUTS: usize = 2048;
/// No model has longer vectors.
const MOST_DIMENSIONS: u32 = 65_536;

/// How vectors are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// Lists of numbers.
    Float,
    /// Their bytes, the low ones first, in base64.
    Base64,
}

#[derive(Debug)]
struct Wish {
    model: Option<String>,
    embedding: Embedding,
    encoding: Encoding,
}

/// Makes vectors.
pub(crate) async fn embed(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Error> {
    let value = read_value(&api, request).await?;
    let Wish { model, embedding, encoding } = read(&value)?;
    drop(value);
    let mut asked = Question::new(model, TextRequest::Embedding(embedding)).ask(&api, &caller).await?;
    let whole = async move { told(&asked.model, gather(&mut asked.answering, 0).await?.answer, encoding) };
    slow::answer(whole, |error| errors::late(&error)).await
}

fn read(value: &Value) -> Result<Wish, Error> {
    let mistakes = Mistakes::default();
    let wish = Object::at(String::new(), value, &mistakes).map(|request| read_wish(&request));
    mistakes.finish()?;
    wish.ok_or_else(|| Error::internal(anyhow::anyhow!("a request without fields was read: this is a bug")))
}

fn read_wish(request: &Object<'_>) -> Wish {
    let known = [("float", Encoding::Float), ("base64", Encoding::Base64)];
    Wish {
        model: request.text("model").filter(|model| !model.is_empty()).map(str::to_owned),
        embedding: Embedding {
            inputs: read_inputs(request),
            dimensions: request.count("dimensions", 1..=MOST_DIMENSIONS),
        },
        encoding: request.choice("encoding_format", &known).unwrap_or(Encoding::Float),
    }
}

/// Reads a text, tokens, or a list of either.
fn read_inputs(request: &Object<'_>) -> Vec<EmbeddingInput> {
    let Some(value) = request.value("input") else {
        request.refuse("input", "is required: a text, its tokens, or a list of either");
        return Vec::new();
    };
    let one = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(EmbeddingInput::Text { text: text.clone() }),
        Value::Array(list) if !list.is_empty() => read_tokens(list).map(|tokens| EmbeddingInput::Tokens { tokens }),
        _ => None,
    };
    let inputs: Option<Vec<EmbeddingInput>> = match value {
        Value::Array(list) if list.first().is_some_and(Value::is_number) => one(value).map(|input| vec![input]),
        Value::Array(list) => list.iter().map(one).collect(),
        value => one(value).map(|input| vec![input]),
    };
    match inputs {
        Some(inputs) if (1..=MOST_INPUTS).contains(&inputs.len()) => inputs,
        Some(_) => {
            request.refuse("input", format_args!("must be 1 to {MOST_INPUTS} texts"));
            Vec::new()
        }
        None => {
            request.refuse("input", "must be a text, its tokens, or a list of either, none of them empty");
            Vec::new()
        }
    }
}

fn told(model: &str, answer: TextAnswer, encoding: Encoding) -> Result<Value, Error> {
    let TextAnswer::Embeddings { vectors, usage } = answer else { return Err(another_answer()) };
    let told = |(index, vector): (usize, Vec<f32>)| {
        let vector: Value = match encoding {
            Encoding::Float => vector.into_iter().map(shortest).collect(),
            Encoding::Base64 => {
                let bytes: Vec<u8> = vector.into_iter().flat_map(f32::to_le_bytes).collect();
                BASE64.encode(bytes).into()
            }
        };
        json!({ "object": "embedding", "index": index, "embedding": vector })
    };
    let data: Vec<Value> = vectors.into_iter().enumerate().map(told).collect();
    Ok(json!({
        "object": "list",
        "data": data,
        "model": model,
        "usage": { "prompt_tokens": usage.prompt_tokens, "total_tokens": usage.prompt_tokens },
    }))
}

/// Returns the shortest number that is read as the same one again: half as long as the number with twice the bits.
fn shortest(number: f32) -> Value {
    number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    use contract::text::reply::Usage;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "json! is written where it is used")]
    fn inputs(input: Value) -> Option<Vec<EmbeddingInput>> {
        read(&json!({ "input": input })).ok().map(|wish| wish.embedding.inputs)
    }

    #[test]
    fn an_input_is_a_text_tokens_or_several_of_either() {
        let text = |text: &str| EmbeddingInput::Text { text: text.to_owned() };
        assert_eq!(inputs(json!("a")), Some(vec![text("a")]));
        assert_eq!(inputs(json!(["a", "b"])), Some(vec![text("a"), text("b")]));
        assert_eq!(inputs(json!([1, 2])), Some(vec![EmbeddingInput::Tokens { tokens: vec![1, 2] }]));
        assert_eq!(inputs(json!([[1], [2]])).map(|inputs| inputs.len()), Some(2));
        for wrong in
            [json!(null), json!(""), json!([]), json!([""]), json!([1, "a"]), json!({}), json!(vec!["x"; 2049])]
        {
            assert_eq!(inputs(wrong.clone()), None, "{wrong}");
        }
        for (field, value) in [("dimensions", json!(0)), ("encoding_format", json!("int8"))] {
            let error = read(&json!({ "input": "x", field: value })).unwrap_err();
            assert_eq!(error.fields().unwrap().1[0].pointer, format!("/{field}"));
        }
    }

    #[test]
    fn both_ways_of_writing_a_vector_are_read_as_the_same_numbers() {
        let vector = vec![0.1_f32, -1.5e-8, 3.0];
        let answer = || TextAnswer::Embeddings { vectors: vec![vector.clone()], usage: Usage::default() };
        let numbers = told("tiny", answer(), Encoding::Float).unwrap();
        assert_eq!(numbers["data"][0]["embedding"].to_string(), "[0.1,-1.5e-8,3.0]");
        let encoded = told("tiny", answer(), Encoding::Base64).unwrap();
        let bytes = BASE64.decode(encoded["data"][0]["embedding"].as_str().unwrap()).unwrap();
        let read: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        assert_eq!(read, vector);
    }
}
