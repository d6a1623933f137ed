//! `POST /v1/completions`: what follows a text, or each of several.

mod answer;
mod stream;

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use contract::text::{Completion, Detokenize, TextAnswer, TextRequest, TextSampling};
use futures::future::try_join_all;
use time::OffsetDateTime;
use tokio_util::task::AbortOnDropHandle;

use super::{
    errors,
    reading::{
        object::Object,
        read_model, read_value, read_wish,
        sampling::{Dialect, read_count, read_format, read_sampling},
        texts::{Text, read_texts},
    },
    telling::{self, Source},
};
use crate::http::{
    Api,
    access::Caller,
    llm::{
        ask::{Asked, Question},
        whole::{another_answer, gather},
    },
    problem::Error,
    slow,
};

/// The most texts of one request.
const MOST_PROMPTS: usize = 64;

/// A request as it was meant.
#[derive(Debug)]
struct Wish {
    model: Option<String>,
    prompts: Vec<Text>,
    suffix: Option<String>,
    count: u32,
    echo: bool,
    sampling: TextSampling,
    is_stream: bool,
    wants_usage: bool,
}

/// Continues texts.
pub(crate) async fn complete(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Error> {
    let value = read_value(&api, request).await?;
    let wish = read_wish(&value, read)?;
    drop(value);
    let wish = Arc::new(wish);
    let begun = try_join_all(wish.prompts.iter().map(|prompt| begin(&api, &caller, &wish, prompt))).await?;
    let (models, sources): (Vec<_>, Vec<_>) = begun.into_iter().unzip();
    let manner = manner(&wish, api.clock.now(), models.into_iter().next());
    if wish.is_stream {
        let teller = stream::Teller::new(manner, sources.len(), wish.count);
        return telling::answer(&api, caller, sources, teller).await;
    }
    let whole = async move {
        let wholes = sources.into_iter().map(async |source| gather(&mut source.asked().await?, wish.count).await);
        answer::whole(&manner, &try_join_all(wholes).await?)
    };
    slow::answer(whole, |error| errors::late(&error)).await
}

fn manner(wish: &Wish, now: OffsetDateTime, model: Option<String>) -> answer::Manner {
    let mut manner = answer::Manner::new(now, model.unwrap_or_default());
    manner.wants_logprobs = wish.sampling.top_logprobs.is_some();
    manner.wants_usage = wish.wants_usage;
    manner
}

/// Asks for what follows one text, and returns the model. Where tokens must become words first, for which the model may have
/// to be loaded, that goes on while the answer has begun.
async fn begin(api: &Arc<Api>, caller: &Caller, wish: &Arc<Wish>, prompt: &Text) -> Result<(String, Source), Error> {
    let tokens = match prompt {
        Text::Words(text) => {
            let Asked { model, answering } = ask(api, caller, wish, text.clone()).await?;
            return Ok((model, Source::Answering(answering)));
        }
        Text::Tokens(tokens) => tokens,
    };
    let request = TextRequest::Detokenize(Detokenize { tokens: tokens.clone() });
    let Asked { model, mut answering } = Question::new(wish.model.clone(), request).ask(api, caller).await?;
    let (api, caller, wish) = (Arc::clone(api), caller.clone(), Arc::clone(wish));
    let coming = tokio::spawn(async move {
        let TextAnswer::Text { text } = gather(&mut answering, 0).await?.answer else { return Err(another_answer()) };
        Ok(ask(&api, &caller, &wish, text).await?.answering)
    });
    Ok((model, Source::Coming(AbortOnDropHandle::new(coming))))
}

/// Asks for what follows some words.
async fn ask(api: &Arc<Api>, caller: &Caller, wish: &Wish, prompt: String) -> Result<Asked, Error> {
    let completion = Completion {
        prompt,
        suffix: wish.suffix.clone(),
        count: wish.count,
        echo: wish.echo,
        sampling: wish.sampling.clone(),
    };
    Question::new(wish.model.clone(), TextRequest::Completion(Box::new(completion))).ask(api, caller).await
}

fn read(request: &Object<'_>) -> Wish {
    let mut sampling = read_sampling(request, Dialect::Completion);
    sampling.format = read_format(request);
    let count = read_count(request);
    if request.count("best_of", 1..=20).is_some_and(|best| best != count) {
        request.refuse("best_of", "must be as many as n: all answers are returned");
    }
    let wants_usage = request.object("stream_options").and_then(|options| options.flag("include_usage"));
    Wish {
        model: read_model(request),
        prompts: read_texts(request, "prompt", MOST_PROMPTS),
        suffix: request.text("suffix").filter(|suffix| !suffix.is_empty()).map(str::to_owned),
        count,
        echo: request.flag("echo") == Some(true),
        sampling,
        is_stream: request.flag("stream") == Some(true),
        wants_usage: wants_usage == Some(true),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_as_many_as_are_returned_are_made() {
        assert!(read_wish(&json!({ "prompt": "x", "best_of": 2, "n": 2 }), read).is_ok());
        let error = read_wish(&json!({ "prompt": "x", "best_of": 2 }), read).unwrap_err();
        assert_eq!(error.fields().unwrap().1[0].pointer, "/best_of");
    }
}
