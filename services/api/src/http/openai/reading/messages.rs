//! The messages of a chat.

use contract::text::chat::{Message, Part, ToolCall};
use serde_json::Value;

use super::{object::Object, pictures::Pictures};

const MOST_MESSAGES: usize = 10_000;

/// Reads the messages of a chat, with the pictures in them.
pub(crate) fn read_messages(request: &Object<'_>, pictures: &mut Pictures<'_>) -> Vec<Message> {
    if !request.has("messages") {
        request.refuse("messages", "is required: what was said, in order");
        return Vec::new();
    }
    let Some(list) = request.list("messages") else { return Vec::new() };
    if !(1..=MOST_MESSAGES).contains(&list.len()) {
        request.refuse("messages", format_args!("must be a list of 1 to {MOST_MESSAGES} messages"));
        return Vec::new();
    }
    let said = request.objects("messages").unwrap_or_default();
    let mut messages = Vec::with_capacity(said.len());
    for message in &said {
        messages.extend(read_message(message, &messages, pictures));
    }
    messages
}

fn read_message(message: &Object<'_>, earlier: &[Message], pictures: &mut Pictures<'_>) -> Option<Message> {
    #[derive(Clone, Copy)]
    enum Role {
        System,
        User,
        Assistant,
        Tool,
        Function,
    }
    const ROLES: [(&str, Role); 6] = [
        ("system", Role::System),
        ("developer", Role::System),
        ("user", Role::User),
        ("assistant", Role::Assistant),
        ("tool", Role::Tool),
        ("function", Role::Function),
    ];
    if !message.has("role") {
        message.refuse("role", "is required: system, developer, user, assistant or tool");
        return None;
    }
    match message.choice("role", &ROLES)? {
        Role::System => Some(Message::System { text: needed_words(message, "content")? }),
        Role::User => read_user(message, pictures),
        Role::Assistant => read_assistant(message, earlier),
        Role::Tool => {
            let call_id = message.needed_text("tool_call_id")?.to_owned();
            Some(Message::Tool { call_id, text: needed_words(message, "content")? })
        }
        Role::Function => {
            let name = message.needed_text("name")?;
            let call_id = last_call(earlier, name).unwrap_or_else(|| name.to_owned());
            Some(Message::Tool { call_id, text: needed_words(message, "content")? })
        }
    }
}

fn read_user(message: &Object<'_>, pictures: &mut Pictures<'_>) -> Option<Message> {
    let parts = match message.value("content") {
        None => {
            message.refuse("content", "is required: a text, or a list of parts");
            return None;
        }
        Some(Value::String(text)) => vec![Part::Text { text: text.clone() }],
        Some(Value::Array(_)) => {
            let parts = message.objects("content")?;
            parts.iter().filter_map(|part| read_part(part, pictures)).collect()
        }
        Some(_) => {
            message.refuse("content", "must be a text, or a list of parts");
            return None;
        }
    };
    Some(Message::User { parts })
}

/// Reads a part of what a person said: words, or a picture.
pub(crate) fn read_part(part: &Object<'_>, pictures: &mut Pictures<'_>) -> Option<Part> {
    match part.value("type").and_then(Value::as_str) {
        Some("text" | "input_text" | "output_text") => {
            if !part.has("text") {
                part.refuse("text", "is required");
            }
            Some(Part::Text { text: part.text("text")?.to_owned() })
        }
        Some("image_url" | "input_image") => pictures.read_url(part),
        _ => {
            part.refuse("type", "must be text or image_url: sounds and files are not read here");
            None
        }
    }
}

fn read_assistant(message: &Object<'_>, earlier: &[Message]) -> Option<Message> {
    let mut tool_calls: Vec<ToolCall> = Vec::new();
    for call in message.objects("tool_calls").unwrap_or_default() {
        let id = call.needed_text("id");
        if !call.has("function") {
            call.refuse("function", "is required: an object with name and arguments");
        }
        let Some((function, id)) = call.object("function").zip(id) else { continue };
        tool_calls.extend(read_call(&function, id.to_owned()));
    }
    // The older form of one call, which has no id.
    if let Some(function) = message.object("function_call") {
        tool_calls.extend(read_call(&function, format!("call_{}", earlier.len())));
    }
    let text = if message.has("content") { words(message, "content")? } else { String::new() };
    let reasoning = ["reasoning_content", "reasoning"].iter().find_map(|name| message.value(name)?.as_str());
    let reasoning = reasoning.filter(|reasoning| !reasoning.is_empty()).map(str::to_owned);
    Some(Message::Assistant { text, reasoning, tool_calls })
}

/// Reads the name and the arguments of a call.
pub(crate) fn read_call(function: &Object<'_>, id: String) -> Option<ToolCall> {
    let name = function.needed_text("name")?.to_owned();
    let arguments = match function.value("arguments") {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        // Some programs send what the text stands for.
        Some(arguments @ Value::Object(_)) => arguments.to_string(),
        Some(_) => {
            function.refuse("arguments", "must be a text: JSON");
            return None;
        }
    };
    Some(ToolCall { id, name, arguments })
}

fn last_call(earlier: &[Message], name: &str) -> Option<String> {
    earlier.iter().rev().find_map(|message| match message {
        Message::Assistant { tool_calls, .. } => {
            tool_calls.iter().rev().find(|call| call.name == name).map(|call| call.id.clone())
        }
        _ => None,
    })
}

fn needed_words(message: &Object<'_>, name: &str) -> Option<String> {
    if !message.has(name) {
        message.refuse(name, "is required: a text, or a list of texts");
        return None;
    }
    words(message, name)
}

/// Reads a text, or the texts of a list of parts as one.
pub(crate) fn words(message: &Object<'_>, name: &str) -> Option<String> {
    match message.value(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Array(_) => {
            let mut words = String::new();
            for part in message.objects(name)? {
                match part.value("type").and_then(Value::as_str) {
                    Some("text" | "input_text" | "output_text" | "reasoning_text" | "summary_text") => {
                        words.push_str(part.text("text").unwrap_or_default());
                    }
                    Some("refusal") => words.push_str(part.text("refusal").unwrap_or_default()),
                    _ => part.refuse("type", "must be text here"),
                }
            }
            Some(words)
        }
        _ => {
            message.refuse(name, "must be a text, or a list of texts");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::openai::reading::object::Mistakes;

    #[expect(clippy::needless_pass_by_value, reason = "json! is written where it is used")]
    fn read(messages: Value) -> (Vec<Message>, Vec<String>) {
        let value = json!({ "messages": messages });
        let mistakes = Mistakes::default();
        let request = Object::at(String::new(), &value, &mistakes).unwrap();
        let messages = read_messages(&request, &mut Pictures::new("http://localhost"));
        let error = mistakes.finish().err();
        let wrong = error.and_then(|error| error.fields().map(|(_, errors)| errors.to_vec())).unwrap_or_default();
        (messages, wrong.into_iter().map(|error| error.pointer).collect())
    }

    #[test]
    fn a_conversation_with_pictures_and_calls_is_read_whole() {
        let (messages, wrong) = read(json!([
            { "role": "developer", "content": [{ "type": "text", "text": "be " }, { "type": "text", "text": "kind" }] },
            { "role": "user", "name": "me", "content": [
                { "type": "text", "text": "what is this?" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA", "detail": "low" } },
            ] },
            { "role": "assistant", "content": null, "reasoning_content": "hm", "refusal": null, "tool_calls": [
                { "id": "call_1", "type": "function", "function": { "name": "look", "arguments": "{\"at\":1}" } },
            ] },
            { "role": "tool", "tool_call_id": "call_1", "content": "a cat" },
            { "role": "assistant", "content": "a cat" },
        ]));
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(messages[0], Message::System { text: "be kind".to_owned() });
        let Message::User { parts } = &messages[1] else { panic!("{messages:?}") };
        assert!(matches!(parts.as_slice(), [Part::Text { .. }, Part::Image { .. }]));
        let Message::Assistant { reasoning, tool_calls, text } = &messages[2] else { panic!("{messages:?}") };
        assert_eq!(
            (reasoning.as_deref(), text.as_str(), tool_calls[0].arguments.as_str()),
            (Some("hm"), "", "{\"at\":1}")
        );
        assert_eq!(messages[3], Message::Tool { call_id: "call_1".to_owned(), text: "a cat".to_owned() });
    }

    #[test]
    fn the_answer_of_a_function_belongs_to_its_last_call() {
        let (messages, wrong) = read(json!([
            { "role": "user", "content": "x" },
            { "role": "assistant", "content": null, "function_call": { "name": "look", "arguments": "{}" } },
            { "role": "function", "name": "look", "content": "a cat" },
        ]));
        assert_eq!(wrong, Vec::<String>::new());
        let Message::Assistant { tool_calls, .. } = &messages[1] else { panic!("{messages:?}") };
        assert_eq!(messages[2], Message::Tool { call_id: tool_calls[0].id.clone(), text: "a cat".to_owned() });
    }

    #[test]
    fn what_is_wrong_in_a_message_is_named_by_its_place() {
        let user = |content: Value| json!([{ "role": "user", "content": content }]);
        let cases = [
            (json!([]), "/messages"),
            (json!("hello"), "/messages"),
            (json!([1]), "/messages/0"),
            (json!([{ "content": "x" }]), "/messages/0/role"),
            (json!([{ "role": "king", "content": "x" }]), "/messages/0/role"),
            (json!([{ "role": "system" }]), "/messages/0/content"),
            (user(json!(5)), "/messages/0/content"),
            (user(json!([{ "type": "input_audio" }])), "/messages/0/content/0/type"),
            (user(json!([{ "type": "text" }])), "/messages/0/content/0/text"),
            (user(json!([{ "type": "image_url" }])), "/messages/0/content/0/image_url"),
            (
                user(json!([{ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } }])),
                "/messages/0/content/0/image_url/url",
            ),
            (json!([{ "role": "tool", "content": "x" }]), "/messages/0/tool_call_id"),
            (json!([{ "role": "assistant", "tool_calls": [{ "id": "a" }] }]), "/messages/0/tool_calls/0/function"),
            (
                json!([{ "role": "assistant", "tool_calls": [{ "id": "a", "function": { "name": "b", "arguments": 5 } }] }]),
                "/messages/0/tool_calls/0/function/arguments",
            ),
        ];
        for (messages, pointer) in cases {
            assert_eq!(read(messages.clone()).1, [pointer], "{messages}");
        }
    }
}
