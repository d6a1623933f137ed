//! Texts as a language model sees them, and back.

use std::sync::Arc;

use axum::{Extension, body::Body, extract::State, http::HeaderMap, response::Response};
use contract::{
    llm::{DetokenizeTokens, ModelText, TextTokens, TokenizeText},
    text::{Detokenize, TextAnswer, TextRequest, Tokenize},
};

use super::{
    ask::Question,
    reply::{read, reply},
};
use crate::http::{
    Api,
    access::Caller,
    problem::{Error, Occurrence},
};

/// Returns the tokens of a text.
///
/// While the model is loaded, spaces keep the connection alive from the 45th second on; what goes wrong after that is a problem
/// in the body of a 200.
#[utoipa::path(post, path = "/api/llm/tokenize", tag = "llm", request_body = TokenizeText,
    responses((status = 200, description = "The tokens.", body = TextTokens)))]
pub(crate) async fn tokenize_text(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Extension(occurrence): Extension<Occurrence>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let wanted = read(&api, &headers, body, "TokenizeText").await?;
    let TokenizeText { model, text, add_special, parse_special, with_pieces } = wanted;
    let request = TextRequest::Tokenize(Tokenize { text, add_special, parse_special, with_pieces });
    let tell = |model, answer| match answer {
        TextAnswer::Tokens { tokens, pieces } => Some(TextTokens { model, tokens, pieces }),
        _ => None,
    };
    reply(&api, &caller, occurrence, Question::new(model, request), tell).await
}

/// Returns the text of tokens.
///
/// While the model is loaded, spaces keep the connection alive from the 45th second on; what goes wrong after that is a problem
/// in the body of a 200.
#[utoipa::path(post, path = "/api/llm/detokenize", tag = "llm", request_body = DetokenizeTokens,
    responses((status = 200, description = "The text.", body = ModelText)))]
pub(crate) async fn detokenize_tokens(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    Extension(occurrence): Extension<Occurrence>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let DetokenizeTokens { model, tokens } = read(&api, &headers, body, "DetokenizeTokens").await?;
    let question = Question::new(model, TextRequest::Detokenize(Detokenize { tokens }));
    reply(&api, &caller, occurrence, question, told_text).await
}

/// Tells an answer that is a text.
pub(super) fn told_text(model: String, answer: TextAnswer) -> Option<ModelText> {
    match answer {
        TextAnswer::Text { text } => Some(ModelText { model, text }),
        _ => None,
    }
}
