//! Writes requests for an engine, field by field. What a client sent is never handed on as it is: only schemas are, which
//! are data for the engine as well.

mod chat;
mod completion;
mod embedding;
pub(crate) mod pictures;
mod sampling;

use contract::text::{Detokenize, TextRequest, Tokenize};
use serde_json::{Map, Value, json};

use self::pictures::Pictures;
use crate::{endpoint::Dialect, trouble::Trouble};

/// One thing to ask an engine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// Where.
    pub(crate) path: &'static str,
    /// What.
    pub(crate) body: Value,
    /// How many answers it brings.
    pub(crate) answers: u32,
}

/// What the engine and the model's preset have to say about every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// What the engine understands.
    pub(crate) dialect: Dialect,
    /// What the engine calls the model.
    pub(crate) model: &'a str,
    /// How many answers one call can bring.
    pub(crate) most_answers: u32,
    /// What holds for conversations that do not begin with such a message.
    pub(crate) system_prompt: Option<&'a str>,
}

/// How the answer to a request is read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Plan {
    /// Piece by piece, one call after the other; in front of each answer stands `echo`.
    Stream { calls: Vec<Call>, echo: String, top: usize },
    /// At once.
    Vectors { call: Call, count: usize, dimensions: Option<u32> },
    /// At once.
    Tokens(Call),
    /// At once.
    Detokenized(Call),
    /// At once.
    Prompt(Call),
}

/// Returns what to ask for, so that a request is answered.
pub(crate) fn plan(request: &TextRequest, pictures: &Pictures, terms: Terms<'_>) -> Result<Plan, Trouble> {
    match request {
        TextRequest::Chat(chat) => chat::plan(chat, pictures, terms),
        TextRequest::Completion(completion) => completion::plan(completion, terms),
        TextRequest::Embedding(embedding) => embedding::plan(embedding, terms),
        TextRequest::Tokenize(tokenize) => Ok(Plan::Tokens(of_tokenize(tokenize, terms)?)),
        TextRequest::Detokenize(detokenize) => Ok(Plan::Detokenized(of_detokenize(detokenize, terms)?)),
        TextRequest::ApplyTemplate(chat) => chat::template(chat, pictures, terms).map(Plan::Prompt),
    }
}

fn of_tokenize(tokenize: &Tokenize, terms: Terms<'_>) -> Result<Call, Trouble> {
    let Tokenize { text, add_special, parse_special, with_pieces } = tokenize;
    only_llama("tokenize", terms)?;
    let body = json!({
        "content": text, "add_special": add_special, "parse_special": parse_special, "with_pieces": with_pieces,
    });
    Ok(Call { path: "/tokenize", body, answers: 0 })
}

fn of_detokenize(detokenize: &Detokenize, terms: Terms<'_>) -> Result<Call, Trouble> {
    only_llama("detokenize", terms)?;
    Ok(Call { path: "/detokenize", body: json!({ "tokens": detokenize.tokens }), answers: 0 })
}

/// Fails where an engine elsewhere has no words for something.
fn only_llama(what: &str, terms: Terms<'_>) -> Result<(), Trouble> {
    match terms.dialect {
        Dialect::Llama => Ok(()),
        Dialect::OpenAi => Err(Trouble::refused(
            format!("the text engine elsewhere cannot do this: {what}"),
            "leave it out, or use a model of this machine",
        )),
    }
}

/// Returns calls for `count` answers, as many with each as the engine can give.
fn several(count: u32, path: &'static str, body: &Map<String, Value>, terms: Terms<'_>) -> Vec<Call> {
    let most = terms.most_answers.max(1);
    let mut left = count.max(1);
    let mut calls = Vec::new();
    while left > 0 {
        let answers = left.min(most);
        let mut body = body.clone();
        if answers > 1 {
            body.insert("n".to_owned(), answers.into());
        }
        // The same seed would give the same answers again.
        if let Some(seed) = body.get("seed").and_then(Value::as_u64) {
            let seed = (seed + u64::from(count.max(1) - left)) & u64::from(u32::MAX);
            body.insert("seed".to_owned(), seed.into());
        }
        calls.push(Call { path, body: Value::Object(body), answers });
        left -= answers;
    }
    calls
}
