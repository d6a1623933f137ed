//! Texts that vectors are to stand for, in the words of the engine.

use contract::text::{Embedding, EmbeddingInput};
use serde_json::{Value, json};

use super::{Call, Plan, Terms};
use crate::{endpoint::Dialect, trouble::Trouble};

/// Returns what to ask for, so that vectors are made.
pub(super) fn plan(embedding: &Embedding, terms: Terms<'_>) -> Result<Plan, Trouble> {
    let count = embedding.inputs.len();
    if count == 0 {
        return Err(Trouble::refused("there is nothing to make vectors of", "give at least one text"));
    }
    let input: Vec<Value> = embedding.inputs.iter().map(of_input).collect();
    let mut body = json!({ "input": input, "model": terms.model, "encoding_format": "float" });
    // Whoever was trained for it cuts vectors better than we do; llama-server cannot.
    if let Some(dimensions) = embedding.dimensions.filter(|_| terms.dialect == Dialect::OpenAi) {
        body["dimensions"] = dimensions.into();
    }
    let call = Call { path: "/v1/embeddings", body, answers: 0 };
    Ok(Plan::Vectors { call, count, dimensions: embedding.dimensions })
}

fn of_input(input: &EmbeddingInput) -> Value {
    match input {
        EmbeddingInput::Text { text } => text.clone().into(),
        EmbeddingInput::Tokens { tokens } => tokens.clone().into(),
    }
}
