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
        object::Object,
        read_model, read_value, read_wish,
        texts::{Text, read_texts},
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
    let Wish { model, embedding, encoding } = read_wish(&value, read)?;
    drop(value);
    let mut asked = Question::new(model, TextRequest::Embedding(embedding)).ask(&api, &caller).await?;
    let whole = async move { told(&asked.model, gather(&mut asked.answering, 0).await?.answer, encoding) };
    slow::answer(whole, |error| errors::late(&error)).await
}

fn read(request: &Object<'_>) -> Wish {
    let known = [("float", Encoding::Float), ("base64", Encoding::Base64)];
    Wish {
        model: read_model(request),
        embedding: Embedding {
            inputs: read_inputs(request),
            dimensions: request.count("dimensions", 1..=MOST_DIMENSIONS),
        },
        encoding: request.choice("encoding_format", &known).unwrap_or(Encoding::Float),
    }
}

fn read_inputs(request: &Object<'_>) -> Vec<EmbeddingInput> {
    let texts = read_texts(request, "input", MOST_INPUTS);
    if texts.contains(&Text::Words(String::new())) {
        request.refuse("input", "must not be empty, nor have an empty text in its list");
    }
    let input = |text| match text {
        Text::Words(text) => EmbeddingInput::Text { text },
        Text::Tokens(tokens) => EmbeddingInput::Tokens { tokens },
    };
    texts.into_iter().map(input).collect()
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

    #[test]
    fn inputs_say_something_and_what_is_wrong_is_named() {
        let inputs = |input: Value| read_wish(&json!({ "input": input }), read).map(|wish| wish.embedding.inputs);
        let both = inputs(json!(["a"])).unwrap().into_iter().chain(inputs(json!([1, 2])).unwrap()).collect::<Vec<_>>();
        let text = EmbeddingInput::Text { text: "a".to_owned() };
        assert_eq!(both, [text, EmbeddingInput::Tokens { tokens: vec![1, 2] }]);
        for wrong in [json!(""), json!(["a", ""]), json!([""]), json!([]), json!(vec!["x"; 2049])] {
            assert!(inputs(wrong.clone()).is_err(), "{wrong}");
        }
        for (field, value) in [("dimensions", json!(0)), ("encoding_format", json!("int8"))] {
            let error = read_wish(&json!({ "input": "x", field: value }), read).unwrap_err();
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
