//! `POST /v1/responses`: the newer way to ask for the next message, with items in place of messages.

mod answer;
mod items;
pub(crate) mod kept;
mod stream;

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use contract::text::{AnswerFormat, Chat, TextRequest, chat::Message};
use serde_json::Value;

use super::{
    errors,
    reading::{
        object::Object,
        pictures::Pictures,
        read_model, read_value, read_wish,
        sampling::{Dialect, check_together, one_format, read_format, read_sampling, read_thinking},
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

/// What there is not, with what to do about it.
const ABSENT: [(&str, &str); 4] = [
    ("previous_response_id", "cannot be used: answers are not kept here, so send the whole conversation as input"),
    ("conversation", "cannot be used: conversations are not kept here, so send the whole conversation as input"),
    ("prompt", "cannot be used: there are no stored prompts here, so send its text as instructions"),
    ("background", "cannot be true: an answer lives as long as its request"),
];

/// A request as it was meant.
#[derive(Debug)]
struct Wish {
    model: Option<String>,
    chat: Chat,
    is_stream: bool,
    /// Whether later requests may name parts of the answer.
    is_kept: bool,
    wants_logprobs: bool,
}

/// Answers with items.
pub(crate) async fn respond(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Error> {
    let base = links::base(request.headers());
    let mut value = read_value(&api, request).await?;
    api.kept.put_in(&caller.owner, &mut value, api.clock.now());
    let mut pictures = Pictures::new(&base);
    let wish = read_wish(&value, |request| read(request, &mut pictures))?;
    let Wish { model, chat, is_stream, is_kept, wants_logprobs } = wish;
    let echo = answer::echo(&value);
    drop(value);
    let question = Question {
        model,
        request: TextRequest::Chat(Box::new(chat)),
        inline: pictures.inline,
        stored: pictures.stored,
    };
    let mut asked = question.ask(&api, &caller).await?;
    let manner = answer::Manner::new(echo, api.clock.now(), &asked.model, wants_logprobs);
    let keeper = is_kept.then(|| kept::Keeper { api: Arc::clone(&api), owner: caller.owner.clone() });
    if is_stream {
        return telling::answer(
            &api,
            caller,
            vec![Source::Answering(asked.answering)],
            stream::Teller::new(manner, keeper),
        )
        .await;
    }
    let whole = async move {
        let whole = gather(&mut asked.answering, 1).await?;
        let items = answer::items(&manner, &whole);
        if let Some(keeper) = keeper {
            keeper.keep(&items);
        }
        answer::whole(&manner, items, &whole)
    };
    slow::answer(whole, |error| errors::late(&error)).await
}

fn read(request: &Object<'_>, pictures: &mut Pictures<'_>) -> Wish {
    for (name, why) in ABSENT {
        if request.value(name).is_some_and(|value| *value != Value::Bool(false)) {
            request.refuse(name, why);
        }
    }
    let tools = read_tools(request, Dialect::Response);
    let mut sampling = read_sampling(request, Dialect::Response);
    sampling.format = match request.object("text").and_then(|text| text.object("format")) {
        Some(format) => one_format(&format, || Some(format.clone())),
        None => AnswerFormat::Text,
    };
    if sampling.format == AnswerFormat::Text {
        sampling.format = read_format(request);
    }
    let include = request.list("include").unwrap_or_default();
    if include.iter().any(|one| one == "message.output_text.logprobs") {
        sampling.top_logprobs = sampling.top_logprobs.or(Some(0));
    }
    let wants_logprobs = sampling.top_logprobs.is_some();
    let mut messages = Vec::new();
    if let Some(text) = request.text("instructions").filter(|text| !text.is_empty()) {
        messages.push(Message::System { text: text.to_owned() });
    }
    messages.extend(items::read_input(request, pictures));
    let chat = Chat {
        messages,
        count: 1,
        tools: tools.tools,
        tool_choice: tools.choice,
        parallel_tool_calls: request.flag("parallel_tool_calls"),
        thinking: read_thinking(request, Dialect::Response),
        sampling,
    };
    check_together(request, &chat);
    Wish {
        model: read_model(request),
        chat,
        is_stream: request.flag("stream") == Some(true),
        is_kept: request.flag("store") != Some(false),
        wants_logprobs,
    }
}

#[cfg(test)]
mod tests {
    use contract::text::chat::{Part, Thinking, ToolChoice};
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "json! is written where it is used")]
    fn read_one(value: Value) -> Result<Wish, Error> {
        read_wish(&value, |request| read(request, &mut Pictures::new("http://localhost")))
    }

    #[test]
    fn a_request_with_everything_is_the_same_chat() {
        let schema = json!({ "type": "object" });
        let wish = read_one(json!({
            "model": "llm/tiny", "instructions": "be kind", "input": "hello", "max_output_tokens": 9, "store": false,
            "text": { "format": { "type": "json_schema", "name": "x", "schema": schema, "strict": true }, "verbosity": "low" },
            "tools": [{ "type": "function", "name": "look", "parameters": {}, "strict": true }],
            "tool_choice": { "type": "function", "name": "look" }, "reasoning": { "effort": "high", "summary": "auto" },
            "include": ["message.output_text.logprobs"], "truncation": "auto", "background": false,
        }));
        let wish = wish.unwrap();
        assert_eq!(wish.chat.sampling.format, AnswerFormat::JsonSchema { schema });
        assert_eq!((wish.chat.sampling.max_tokens, wish.chat.sampling.top_logprobs), (Some(9), Some(0)));
        assert_eq!(wish.chat.tool_choice, ToolChoice::Named { name: "look".to_owned() });
        assert_eq!((wish.chat.thinking, wish.is_kept), (Some(Thinking::High), false));
        let parts = vec![Part::Text { text: "hello".to_owned() }];
        assert_eq!(wish.chat.messages, [Message::System { text: "be kind".to_owned() }, Message::User { parts }]);
    }

    #[test]
    fn what_there_is_not_is_refused_by_name() {
        for (name, value) in
            [("previous_response_id", json!("resp_1")), ("conversation", json!("c")), ("background", json!(true))]
        {
            let error = read_one(json!({ "input": "x", name: value })).unwrap_err();
            assert_eq!(error.fields().unwrap().1[0].pointer, format!("/{name}"));
        }
    }
}
