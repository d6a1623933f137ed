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
use serde_json::Value;

use super::{
    errors,
    reading::{
        object::{Mistakes, Object},
        read_value,
        sampling::{Dialect, read_count, read_format, read_sampling, read_tokens},
    },
    telling,
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

/// What is to be continued.
#[derive(Debug, Clone, PartialEq)]
enum Prompt {
    Text(String),
    Tokens(Vec<u32>),
}

/// A request as it was meant.
#[derive(Debug)]
struct Wish {
    model: Option<String>,
    prompts: Vec<Prompt>,
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
    let wish = read(&value)?;
    drop(value);
    let asked = try_join_all(wish.prompts.iter().map(|prompt| ask(&api, &caller, &wish, prompt))).await?;
    let model = asked.first().map(|asked| asked.model.clone()).unwrap_or_default();
    let mut manner = answer::Manner::new(api.clock.now(), model);
    manner.wants_logprobs = wish.sampling.top_logprobs.is_some();
    manner.wants_usage = wish.wants_usage;
    let count = wish.count;
    let mut answerings: Vec<_> = asked.into_iter().map(|asked| asked.answering).collect();
    if wish.is_stream {
        let teller = stream::Teller::new(manner, answerings.len(), count);
        return telling::answer(&api, caller, answerings, teller).await;
    }
    let whole = async move {
        let wholes = try_join_all(answerings.iter_mut().map(|answering| gather(answering, count))).await?;
        answer::whole(&manner, &wholes)
    };
    slow::answer(whole, |error| errors::late(&error)).await
}

/// Asks for what follows one text. Tokens are turned into words first.
async fn ask(api: &Arc<Api>, caller: &Caller, wish: &Wish, prompt: &Prompt) -> Result<Asked, Error> {
    let prompt = match prompt {
        Prompt::Text(text) => text.clone(),
        Prompt::Tokens(tokens) => {
            let request = TextRequest::Detokenize(Detokenize { tokens: tokens.clone() });
            let mut asked = Question::new(wish.model.clone(), request).ask(api, caller).await?;
            match gather(&mut asked.answering, 0).await?.answer {
                TextAnswer::Text { text } => text,
                _ => return Err(another_answer()),
            }
        }
    };
    let completion = Completion {
        prompt,
        suffix: wish.suffix.clone(),
        count: wish.count,
        echo: wish.echo,
        sampling: wish.sampling.clone(),
    };
    Question::new(wish.model.clone(), TextRequest::Completion(Box::new(completion))).ask(api, caller).await
}

fn read(value: &Value) -> Result<Wish, Error> {
    let mistakes = Mistakes::default();
    let request = Object::at(String::new(), value, &mistakes);
    let wish = request.map(|request| read_wish(&request));
    mistakes.finish()?;
    wish.ok_or_else(|| Error::internal(anyhow::anyhow!("a request without fields was read: this is a bug")))
}

fn read_wish(request: &Object<'_>) -> Wish {
    let mut sampling = read_sampling(request, Dialect::Completion);
    sampling.format = read_format(request);
    let count = read_count(request);
    if request.count("best_of", 1..=20).is_some_and(|best| best != count) {
        request.refuse("best_of", "must be as many as n: all answers are returned");
    }
    let wants_usage = request.object("stream_options").and_then(|options| options.flag("include_usage"));
    Wish {
        model: request.text("model").filter(|model| !model.is_empty()).map(str::to_owned),
        prompts: read_prompts(request),
        suffix: request.text("suffix").filter(|suffix| !suffix.is_empty()).map(str::to_owned),
        count,
        echo: request.flag("echo") == Some(true),
        sampling,
        is_stream: request.flag("stream") == Some(true),
        wants_usage: wants_usage == Some(true),
    }
}

/// Reads a text, tokens, or a list of either.
fn read_prompts(request: &Object<'_>) -> Vec<Prompt> {
    let Some(value) = request.value("prompt") else {
        request.refuse("prompt", "is required: a text, its tokens, or a list of either");
        return Vec::new();
    };
    let one = |value: &Value| match value {
        Value::String(text) => Some(Prompt::Text(text.clone())),
        Value::Array(list) if !list.is_empty() => read_tokens(list).map(Prompt::Tokens),
        _ => None,
    };
    let prompts: Option<Vec<Prompt>> = match value {
        Value::Array(list) if list.first().is_some_and(Value::is_number) => one(value).map(|prompt| vec![prompt]),
        Value::Array(list) => list.iter().map(one).collect(),
        value => one(value).map(|prompt| vec![prompt]),
    };
    match prompts {
        Some(prompts) if (1..=MOST_PROMPTS).contains(&prompts.len()) => prompts,
        Some(_) => {
            request.refuse("prompt", format_args!("must be 1 to {MOST_PROMPTS} texts"));
            Vec::new()
        }
        None => {
            request.refuse("prompt", "must be a text, its tokens, or a list of either");
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "json! is written where it is used")]
    fn prompts(prompt: Value) -> Option<Vec<Prompt>> {
        read(&json!({ "prompt": prompt })).ok().map(|wish| wish.prompts)
    }

    #[test]
    fn a_prompt_is_a_text_tokens_or_several_of_either() {
        let text = |text: &str| Prompt::Text(text.to_owned());
        assert_eq!(prompts(json!("a")), Some(vec![text("a")]));
        assert_eq!(prompts(json!(["a", "b"])), Some(vec![text("a"), text("b")]));
        assert_eq!(prompts(json!([1, 2])), Some(vec![Prompt::Tokens(vec![1, 2])]));
        assert_eq!(prompts(json!([[1], [2, 3]])), Some(vec![Prompt::Tokens(vec![1]), Prompt::Tokens(vec![2, 3])]));
        for wrong in
            [json!(null), json!([]), json!([1, "a"]), json!([1, -1]), json!([[]]), json!(5), json!(vec!["x"; 65])]
        {
            assert_eq!(prompts(wrong.clone()), None, "{wrong}");
        }
    }

    #[test]
    fn only_as_many_as_are_returned_are_made() {
        assert!(read(&json!({ "prompt": "x", "best_of": 2, "n": 2 })).is_ok());
        let error = read(&json!({ "prompt": "x", "best_of": 2 })).unwrap_err();
        assert_eq!(error.fields().unwrap().1[0].pointer, "/best_of");
    }
}
