//! A conversation, in the words of the engine.

use contract::text::{
    Chat,
    chat::{Message, Part, Thinking, Tool, ToolCall, ToolChoice},
};
use serde_json::{Map, Value, json};

use super::{Call, Pictures, Plan, Terms, sampling, several};
use crate::{endpoint::Dialect, trouble::Trouble};

/// How many tokens a model may think that is to think a little.
const LITTLE_THOUGHT_TOKENS: u32 = 1024;

/// Returns what to ask for, so that a conversation goes on.
pub(super) fn plan(chat: &Chat, pictures: &Pictures, terms: Terms<'_>) -> Result<Plan, Trouble> {
    let mut body = Map::new();
    sampling::add(&mut body, &chat.sampling, terms)?;
    sampling::add_format(&mut body, &chat.sampling.format, terms)?;
    add_conversation(&mut body, chat, pictures, terms)?;
    if let Some(top) = sampling::logprobs(&chat.sampling) {
        body.insert("logprobs".to_owned(), true.into());
        body.insert("top_logprobs".to_owned(), top.into());
    }
    if terms.dialect == Dialect::Llama {
        // It does not count the thoughts, but says with each piece how far it is.
        body.insert("timings_per_token".to_owned(), true.into());
    }
    let top = chat.sampling.top_logprobs.unwrap_or_default() as usize;
    let calls = several(chat.count, "/v1/chat/completions", &body, terms);
    Ok(Plan::Stream { calls, echo: String::new(), top })
}

/// Returns what to ask for, so that the prompt of a conversation is told.
pub(super) fn template(chat: &Chat, pictures: &Pictures, terms: Terms<'_>) -> Result<Call, Trouble> {
    super::only_llama("the model's template", terms)?;
    let mut body = Map::new();
    add_conversation(&mut body, chat, pictures, terms)?;
    Ok(Call { path: "/apply-template", body: Value::Object(body), answers: 0 })
}

fn add_conversation(
    body: &mut Map<String, Value>,
    chat: &Chat,
    pictures: &Pictures,
    terms: Terms<'_>,
) -> Result<(), Trouble> {
    let has_system = chat.messages.iter().any(|message| matches!(message, Message::System { .. }));
    let own = terms.system_prompt.filter(|_| !has_system).map(|text| json!({ "role": "system", "content": text }));
    let said = chat.messages.iter().map(|message| of_message(message, pictures, terms));
    let messages: Vec<Value> = own.map(Ok).into_iter().chain(said).collect::<Result<_, Trouble>>()?;
    body.insert("messages".to_owned(), messages.into());
    add_tools(body, chat, terms)?;
    if let Some(thinking) = chat.thinking {
        add_thinking(body, thinking, terms);
    }
    Ok(())
}

fn of_message(message: &Message, pictures: &Pictures, terms: Terms<'_>) -> Result<Value, Trouble> {
    Ok(match message {
        Message::System { text } => json!({ "role": "system", "content": text }),
        Message::User { parts } => {
            let content: Value = match parts.as_slice() {
                [Part::Text { text }] => text.clone().into(),
                parts => parts.iter().map(|part| of_part(part, pictures)).collect::<Result<Vec<_>, _>>()?.into(),
            };
            json!({ "role": "user", "content": content })
        }
        Message::Assistant { text, reasoning, tool_calls } => {
            let is_silent = text.is_empty() && !tool_calls.is_empty();
            let mut said =
                json!({ "role": "assistant", "content": if is_silent { Value::Null } else { text.clone().into() } });
            if let Some(reasoning) = reasoning.as_ref().filter(|_| terms.dialect == Dialect::Llama) {
                said["reasoning_content"] = reasoning.clone().into();
            }
            if !tool_calls.is_empty() {
                said["tool_calls"] = tool_calls.iter().map(of_call).collect();
            }
            said
        }
        Message::Tool { call_id, text } => json!({ "role": "tool", "tool_call_id": call_id, "content": text }),
    })
}

fn of_part(part: &Part, pictures: &Pictures) -> Result<Value, Trouble> {
    match part {
        Part::Text { text } => Ok(json!({ "type": "text", "text": text })),
        Part::Image { asset } => {
            let url = pictures.find(*asset).ok_or_else(|| {
                Trouble::refused(format!("there is no picture {asset}"), "send the picture with the request")
            })?;
            Ok(json!({ "type": "image_url", "image_url": { "url": url } }))
        }
    }
}

fn of_call(call: &ToolCall) -> Value {
    let ToolCall { id, name, arguments } = call;
    json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
}

fn of_tool(tool: &Tool) -> Value {
    let mut function = json!({ "name": tool.name });
    if let Some(description) = &tool.description {
        function["description"] = description.clone().into();
    }
    if let Some(parameters) = &tool.parameters {
        function["parameters"] = parameters.clone();
    }
    json!({ "type": "function", "function": function })
}

fn add_tools(body: &mut Map<String, Value>, chat: &Chat, terms: Terms<'_>) -> Result<(), Trouble> {
    let unknown = |name: &str| Trouble::refused(format!("there is no tool {name}"), "name one of the request's tools");
    let mut tools: Vec<&Tool> = chat.tools.iter().collect();
    let choice: Value = match (&chat.tool_choice, terms.dialect) {
        (ToolChoice::Auto, _) if tools.is_empty() => return Ok(()),
        (ToolChoice::Auto, _) => "auto".into(),
        (ToolChoice::None, _) if tools.is_empty() => return Ok(()),
        (ToolChoice::None, _) => "none".into(),
        (ToolChoice::Required, _) => "required".into(),
        (ToolChoice::Named { name }, _) if !tools.iter().any(|tool| tool.name == *name) => return Err(unknown(name)),
        // llama-server knows no names here: whoever must call something, and has one thing to call, calls that.
        (ToolChoice::Named { name }, Dialect::Llama) => {
            tools.retain(|tool| tool.name == *name);
            "required".into()
        }
        (ToolChoice::Named { name }, Dialect::OpenAi) => json!({ "type": "function", "function": { "name": name } }),
    };
    body.insert("tools".to_owned(), tools.into_iter().map(of_tool).collect());
    body.insert("tool_choice".to_owned(), choice);
    if let Some(is_parallel) = chat.parallel_tool_calls {
        body.insert("parallel_tool_calls".to_owned(), is_parallel.into());
    }
    Ok(())
}

fn add_thinking(body: &mut Map<String, Value>, thinking: Thinking, terms: Terms<'_>) {
    let effort = match thinking {
        Thinking::Off => "none",
        Thinking::Low => "low",
        Thinking::Medium => "medium",
        Thinking::High => "high",
    };
    body.insert("reasoning_effort".to_owned(), effort.into());
    if terms.dialect == Dialect::OpenAi {
        return;
    }
    // Some templates know an effort, others a switch; the limit holds for both.
    body.insert("chat_template_kwargs".to_owned(), json!({ "enable_thinking": thinking != Thinking::Off }));
    match thinking {
        Thinking::Off => body.insert("reasoning_budget_tokens".to_owned(), 0.into()),
        Thinking::Low => body.insert("reasoning_budget_tokens".to_owned(), LITTLE_THOUGHT_TOKENS.into()),
        Thinking::Medium | Thinking::High => None,
    };
}

#[cfg(test)]
mod tests {
    use contract::AssetId;

    use super::*;

    const LLAMA: Terms<'_> = Terms { dialect: Dialect::Llama, model: "m", most_answers: 4, system_prompt: None };
    const OPENAI: Terms<'_> = Terms { dialect: Dialect::OpenAi, ..LLAMA };

    fn bodies(chat: Value, terms: Terms<'_>) -> Vec<Value> {
        let chat: Chat = serde_json::from_value(chat).unwrap();
        match plan(&chat, &Pictures::default(), terms).unwrap() {
            Plan::Stream { calls, .. } => calls.into_iter().map(|call| call.body).collect(),
            other => unreachable!("{other:?}"),
        }
    }

    fn asked() -> Value {
        json!({ "messages": [{ "role": "user", "parts": [{ "type": "text", "text": "hi" }] }] })
    }

    #[allow(clippy::needless_pass_by_value, reason = "calls read better")]
    fn with(fields: Value) -> Value {
        let mut chat = asked();
        chat.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        chat
    }

    #[test]
    fn a_plain_question_says_nothing_that_was_not_asked() {
        let body = json!({
            "messages": [{ "role": "user", "content": "hi" }], "model": "m", "stream": true,
            "stream_options": { "include_usage": true },
        });
        assert_eq!(bodies(asked(), OPENAI)[0], body);
        let mut own = body;
        own["cache_prompt"] = true.into();
        own["return_progress"] = true.into();
        own["timings_per_token"] = true.into();
        assert_eq!(bodies(asked(), LLAMA), [own]);
    }

    #[test]
    fn the_preset_speaks_first_unless_the_request_does() {
        let terms = Terms { system_prompt: Some("be kind"), ..LLAMA };
        assert_eq!(bodies(asked(), terms)[0]["messages"][0], json!({ "role": "system", "content": "be kind" }));
        let own = json!({ "messages": [{ "role": "system", "text": "be short" }] });
        assert_eq!(bodies(own, terms)[0]["messages"], json!([{ "role": "system", "content": "be short" }]));
    }

    #[test]
    fn whoever_must_call_one_thing_is_shown_that_one_only() {
        let tools =
            json!({ "tools": [{ "name": "a" }, { "name": "b" }], "tool_choice": { "type": "named", "name": "b" } });
        let body = &bodies(with(tools.clone()), LLAMA)[0];
        assert_eq!(body["tools"], json!([{ "type": "function", "function": { "name": "b" } }]));
        assert_eq!(body["tool_choice"], "required");
        let body = &bodies(with(tools), OPENAI)[0];
        assert_eq!(body["tools"].as_array().unwrap().len(), 2);
        assert_eq!(body["tool_choice"]["function"]["name"], "b");
        let missing: Chat =
            serde_json::from_value(with(json!({ "tool_choice": { "type": "named", "name": "c" } }))).unwrap();
        assert!(plan(&missing, &Pictures::default(), LLAMA).is_err());
    }

    #[test]
    fn more_answers_than_slots_are_several_requests_with_other_seeds() {
        let bodies = bodies(with(json!({ "count": 6, "sampling": { "seed": 4_294_967_295_u32 } })), LLAMA);
        let asked: Vec<_> = bodies.iter().map(|body| (body["n"].as_u64(), body["seed"].as_u64())).collect();
        assert_eq!(asked, [(Some(4), Some(4_294_967_295)), (Some(2), Some(3))]);
    }

    #[test]
    fn thinking_is_switched_off_in_every_way_that_a_template_may_know() {
        let body = &bodies(with(json!({ "thinking": "off" })), LLAMA)[0];
        assert_eq!(body["reasoning_effort"], "none");
        assert_eq!(body["chat_template_kwargs"]["enable_thinking"], false);
        assert_eq!(bodies(with(json!({ "thinking": "high" })), OPENAI)[0].get("chat_template_kwargs"), None);
    }

    #[test]
    fn what_an_engine_elsewhere_does_not_know_it_is_not_told() {
        let sampling =
            json!({ "sampling": { "top_k": 4, "min_p": 0.1, "temperature": 0.5, "logit_bias": { "7": -100.0 } } });
        let body = &bodies(with(sampling.clone()), OPENAI)[0];
        assert_eq!((body.get("top_k"), &body["temperature"]), (None, &json!(0.5)));
        assert_eq!(body["logit_bias"], json!({ "7": -100.0 }));
        assert_eq!(bodies(with(sampling), LLAMA)[0]["logit_bias"], json!([[7, -100.0]]));
        let grammar = with(json!({ "sampling": { "format": { "type": "grammar", "grammar": "root ::= \"a\"" } } }));
        let chat: Chat = serde_json::from_value(grammar).unwrap();
        assert!(plan(&chat, &Pictures::default(), OPENAI).is_err());
        assert!(plan(&chat, &Pictures::default(), LLAMA).is_ok());
    }

    #[test]
    fn values_out_of_range_and_pictures_that_are_not_there_are_refused() {
        for sampling in
            [json!({ "temperature": 2.5 }), json!({ "top_p": -0.1 }), json!({ "logit_bias": { "1": 101.0 } })]
        {
            let chat: Chat = serde_json::from_value(with(json!({ "sampling": sampling }))).unwrap();
            assert!(plan(&chat, &Pictures::default(), LLAMA).is_err(), "{chat:?}");
        }
        let part = json!({ "type": "image", "asset": AssetId::new() });
        let chat: Chat = serde_json::from_value(json!({ "messages": [{ "role": "user", "parts": [part] }] })).unwrap();
        assert!(plan(&chat, &Pictures::default(), LLAMA).is_err());
    }
}
