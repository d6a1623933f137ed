//! `POST /v1/chat/completions`: the next message of a conversation.

pub(crate) mod answer;
mod stream;

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use contract::text::{Chat, TextRequest};

use super::{
    errors,
    reading::{
        messages::read_messages,
        object::Object,
        pictures::Pictures,
        read_model, read_value, read_wish,
        sampling::{Dialect, check_together, read_count, read_format, read_sampling, read_thinking},
        tools::read_tools,
    },
    telling::{self, Source},
};
use crate::http::{
    Api,
    access::Caller,
    links,
    llm::{ask::Question, whole::gather},
    problem::Error,
    slow,
};

/// A chat as it was asked for, and how the answer shall look.
#[derive(Debug)]
struct Wish {
    model: Option<String>,
    chat: Chat,
    is_stream: bool,
    manner: answer::Manner,
}

/// Answers a chat.
pub(crate) async fn complete(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Error> {
    let base = links::base(request.headers());
    let value = read_value(&api, request).await?;
    let mut pictures = Pictures::new(&base);
    let Wish { model, chat, is_stream, mut manner } = read_wish(&value, |request| read(request, &mut pictures))?;
    drop(value);
    let count = chat.count;
    let question = Question {
        model,
        request: TextRequest::Chat(Box::new(chat)),
        inline: pictures.inline,
        stored: pictures.stored,
    };
    let mut asked = question.ask(&api, &caller).await?;
    manner.begin(api.clock.now(), &asked.model);
    if is_stream {
        return telling::answer(
            &api,
            caller,
            vec![Source::Answering(asked.answering)],
            stream::Teller::new(manner, count),
        )
        .await;
    }
    let whole = async move { answer::whole(&manner, &gather(&mut asked.answering, count).await?) };
    slow::answer(whole, |error| errors::late(&error)).await
}

fn read(request: &Object<'_>, pictures: &mut Pictures<'_>) -> Wish {
    let tools = read_tools(request, Dialect::Chat);
    let mut sampling = read_sampling(request, Dialect::Chat);
    sampling.format = read_format(request);
    let wants_logprobs = sampling.top_logprobs.is_some();
    let chat = Chat {
        messages: read_messages(request, pictures),
        count: read_count(request),
        tools: tools.tools,
        tool_choice: tools.choice,
        parallel_tool_calls: request.flag("parallel_tool_calls"),
        thinking: read_thinking(request, Dialect::Chat),
        sampling,
    };
    check_together(request, &chat);
    let wants_usage = request.object("stream_options").and_then(|options| options.flag("include_usage"));
    let manner = answer::Manner::new(wants_logprobs, tools.are_functions, wants_usage == Some(true));
    Wish { model: read_model(request), chat, is_stream: request.flag("stream") == Some(true), manner }
}

#[cfg(test)]
mod tests {
    use contract::text::chat::{Message, Part, Thinking};
    use serde_json::{Value, json};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "json! is written where it is used")]
    fn read_one(value: Value) -> Result<Wish, Error> {
        read_wish(&value, |request| read(request, &mut Pictures::new("http://localhost")))
    }

    #[test]
    fn the_least_request_is_a_chat_and_what_nobody_knows_is_passed_over() {
        let wish = read_one(json!({
            "model": "llm/tiny", "messages": [{ "role": "user", "content": "hello" }], "metadata": { "a": 1 }, "store": true,
            "service_tier": "flex", "user": "me", "modalities": ["text"], "prediction": null, "cache_prompt": true,
            "chat_template_kwargs": { "enable_thinking": false }, "whatever": [[[]]],
        }));
        let wish = wish.unwrap();
        assert_eq!((wish.model.as_deref(), wish.is_stream, wish.chat.count), (Some("llm/tiny"), false, 1));
        assert_eq!(wish.chat.thinking, Some(Thinking::Off));
        let parts = vec![Part::Text { text: "hello".to_owned() }];
        assert_eq!(wish.chat.messages, [Message::User { parts }]);
    }

    #[test]
    fn all_mistakes_are_named_together() {
        let error =
            read_one(json!({ "messages": [{ "role": "x" }], "n": 9, "stream": "yes", "model": 5 })).unwrap_err();
        let (_, errors) = error.fields().unwrap();
        let mut pointers: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/messages/0/role", "/model", "/n", "/stream"]);
    }

    #[test]
    fn a_grammar_and_tools_cannot_be_had_together() {
        let value = json!({
            "messages": [{ "role": "user", "content": "x" }], "grammar": "root ::= \"a\"",
            "tools": [{ "type": "function", "function": { "name": "look" } }],
        });
        let error = read_one(value).unwrap_err();
        assert_eq!(error.fields().unwrap().1[0].pointer, "/grammar");
    }
}
