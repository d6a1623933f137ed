//! Texts as a language model sees them, and back.

use std::sync::Arc;

use axum::{Extension, Json, body::Body, extract::State, http::HeaderMap};
use contract::{
    llm::{DetokenizeTokens, ModelText, TextTokens, TokenizeText},
    problem::Problem,
    text::{Detokenize, TextAnswer, TextRequest, Tokenize},
};

use super::{
    ask::Question,
    whole::{another_answer, gather},
};
use crate::http::{Api, access::Caller, body::read_json, problem::Error, submission::beside};

/// Returns the tokens of a text.
#[utoipa::path(post, path = "/api/llm/tokenize", tag = "llm", request_body = TokenizeText,
    responses(
        (status = 200, description = "The tokens.", body = TextTokens),
        (status = 422, description = "A field is wrong, or the model cannot be used.",
            content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests are open.", content_type = "application/problem+json",
            body = Problem, headers(("Retry-After" = u64))),
    ))]
pub(crate) async fn tokenize_text(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<TextTokens>, Error> {
    let body = read_json(&headers, body, api.config.max_body_bytes).await?;
    let wanted: TokenizeText = beside(&api, body, |api, body| api.schemas.read("TokenizeText", body)).await?;
    let TokenizeText { model, text, add_special, parse_special, with_pieces } = wanted;
    let request = TextRequest::Tokenize(Tokenize { text, add_special, parse_special, with_pieces });
    let mut asked = Question::new(model, request).ask(&api, &caller).await?;
    match gather(&mut asked.answering, 0).await?.answer {
        TextAnswer::Tokens { tokens, pieces } => Ok(Json(TextTokens { model: asked.model, tokens, pieces })),
        _ => Err(another_answer()),
    }
}

/// Returns the text of tokens.
#[utoipa::path(post, path = "/api/llm/detokenize", tag = "llm", request_body = DetokenizeTokens,
    responses(
        (status = 200, description = "The text.", body = ModelText),
        (status = 422, description = "A field is wrong, or the model cannot be used.",
            content_type = "application/problem+json", body = Problem),
        (status = 429, description = "Too many requests are open.", content_type = "application/problem+json",
            body = Problem, headers(("Retry-After" = u64))),
    ))]
pub(crate) async fn detokenize_tokens(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ModelText>, Error> {
    let body = read_json(&headers, body, api.config.max_body_bytes).await?;
    let wanted: DetokenizeTokens = beside(&api, body, |api, body| api.schemas.read("DetokenizeTokens", body)).await?;
    let request = TextRequest::Detokenize(Detokenize { tokens: wanted.tokens });
    let mut asked = Question::new(wanted.model, request).ask(&api, &caller).await?;
    match gather(&mut asked.answering, 0).await?.answer {
        TextAnswer::Text { text } => Ok(Json(ModelText { model: asked.model, text })),
        _ => Err(another_answer()),
    }
}
