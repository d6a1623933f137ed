//! The items of a request: messages, calls and what they gave back, thoughts.

use contract::text::chat::{Message, Part, ToolCall};
use serde_json::Value;

use crate::http::openai::reading::{
    messages::{read_call, read_part, words},
    object::Object,
    pictures::Pictures,
};

const MOST_ITEMS: usize = 10_000;

/// Reads the input: a text, or items.
pub(super) fn read_input(request: &Object<'_>, pictures: &mut Pictures<'_>) -> Vec<Message> {
    match request.value("input") {
        None => {
            request.refuse("input", "is required: a text, or a list of items");
            Vec::new()
        }
        Some(Value::String(text)) => vec![Message::User { parts: vec![Part::Text { text: text.clone() }] }],
        Some(Value::Array(list)) if (1..=MOST_ITEMS).contains(&list.len()) => {
            let mut messages = Vec::new();
            for item in request.objects("input").unwrap_or_default() {
                read_item(&item, &mut messages, pictures);
            }
            messages
        }
        Some(_) => {
            request.refuse("input", format_args!("must be a text, or a list of 1 to {MOST_ITEMS} items"));
            Vec::new()
        }
    }
}

fn read_item(item: &Object<'_>, messages: &mut Vec<Message>, pictures: &mut Pictures<'_>) {
    match item.value("type").and_then(Value::as_str) {
        Some("message") => read_message(item, messages, pictures),
        None if item.has("role") => read_message(item, messages, pictures),
        Some("function_call") => {
            let Some(id) = item.needed_text("call_id") else { return };
            if let Some((call, (_, calls))) = read_call(item, id.to_owned()).zip(said_last(messages)) {
                calls.push(call);
            }
        }
        Some("function_call_output") => {
            let Some(call_id) = item.needed_text("call_id") else { return };
            if !item.has("output") {
                item.refuse("output", "is required: what the call gave back");
            }
            if let Some(text) = words(item, "output") {
                messages.push(Message::Tool { call_id: call_id.to_owned(), text });
            }
        }
        Some("reasoning") => {
            let thought = |name: &str| words(item, name).filter(|text| !text.is_empty());
            if let Some(text) = thought("content").or_else(|| thought("summary")) {
                // What it thought stands before what it said.
                messages.push(Message::Assistant {
                    text: String::new(),
                    reasoning: Some(text),
                    tool_calls: Vec::new(),
                });
            }
        }
        Some("item_reference") => {
            item.refuse("id", "names an item that is not kept here (any more): send the item itself");
        }
        _ => item.refuse("type", "must be message, function_call, function_call_output or reasoning"),
    }
}

fn read_message(item: &Object<'_>, messages: &mut Vec<Message>, pictures: &mut Pictures<'_>) {
    #[derive(Clone, Copy)]
    enum Role {
        System,
        User,
        Assistant,
    }
    let roles =
        [("system", Role::System), ("developer", Role::System), ("user", Role::User), ("assistant", Role::Assistant)];
    if !item.has("role") {
        return item.refuse("role", "is required: user, assistant, system or developer");
    }
    if !item.has("content") {
        return item.refuse("content", "is required: a text, or a list of parts");
    }
    match item.choice("role", &roles) {
        Some(Role::System) => messages.extend(words(item, "content").map(|text| Message::System { text })),
        Some(Role::Assistant) => {
            let Some(new) = words(item, "content") else { return };
            match said_last(messages) {
                Some((text, calls)) if text.is_empty() && calls.is_empty() => *text = new,
                _ => messages.push(Message::Assistant { text: new, reasoning: None, tool_calls: Vec::new() }),
            }
        }
        Some(Role::User) => {
            let parts = match item.value("content") {
                Some(Value::String(text)) => vec![Part::Text { text: text.clone() }],
                _ => {
                    let parts = item.objects("content").unwrap_or_default();
                    parts.iter().filter_map(|part| read_part(part, pictures)).collect()
                }
            };
            messages.push(Message::User { parts });
        }
        None => {}
    }
}

/// Returns what the model said last, if nothing came after it; else it begins to say something.
fn said_last(messages: &mut Vec<Message>) -> Option<(&mut String, &mut Vec<ToolCall>)> {
    if !matches!(messages.last(), Some(Message::Assistant { .. })) {
        messages.push(Message::Assistant { text: String::new(), reasoning: None, tool_calls: Vec::new() });
    }
    match messages.last_mut() {
        Some(Message::Assistant { text, tool_calls, .. }) => Some((text, tool_calls)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::openai::reading::object::Mistakes;

    #[expect(clippy::needless_pass_by_value, reason = "json! is written where it is used")]
    fn read(input: Value) -> (Vec<Message>, Vec<String>) {
        let value = json!({ "input": input });
        let mistakes = Mistakes::default();
        let request = Object::at(String::new(), &value, &mistakes).unwrap();
        let messages = read_input(&request, &mut Pictures::new("http://localhost"));
        let error = mistakes.finish().err();
        let wrong = error.and_then(|error| error.fields().map(|(_, errors)| errors.to_vec())).unwrap_or_default();
        (messages, wrong.into_iter().map(|error| error.pointer).collect())
    }

    #[test]
    fn thoughts_words_and_calls_of_one_turn_are_one_message() {
        let (messages, wrong) = read(json!([
            { "role": "user", "content": [
                { "type": "input_text", "text": "look" },
                { "type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto" },
            ] },
            { "type": "reasoning", "id": "rs_1", "summary": [], "content": [{ "type": "reasoning_text", "text": "hm" }] },
            { "type": "message", "role": "assistant", "id": "msg_1", "content": [{ "type": "output_text", "text": "I look." }] },
            { "type": "function_call", "id": "fc_1", "call_id": "a", "name": "look", "arguments": "{}" },
            { "type": "function_call", "call_id": "b", "name": "look", "arguments": "{}" },
            { "type": "function_call_output", "call_id": "a", "output": "a cat" },
            { "type": "function_call_output", "call_id": "b", "output": [{ "type": "input_text", "text": "a dog" }] },
        ]));
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(messages.len(), 4);
        let Message::User { parts } = &messages[0] else { panic!("{messages:?}") };
        assert!(matches!(parts.as_slice(), [Part::Text { .. }, Part::Image { .. }]));
        let Message::Assistant { text, reasoning, tool_calls } = &messages[1] else { panic!("{messages:?}") };
        assert_eq!((text.as_str(), reasoning.as_deref()), ("I look.", Some("hm")));
        assert_eq!(tool_calls.iter().map(|call| call.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(messages[3], Message::Tool { call_id: "b".to_owned(), text: "a dog".to_owned() });
    }

    #[test]
    fn an_item_that_cannot_be_used_is_named_by_its_place() {
        let cases = [
            (json!([]), "/input"),
            (json!(5), "/input"),
            (json!([5]), "/input/0"),
            (json!([{ "type": "web_search_call" }]), "/input/0/type"),
            (json!([{ "type": "item_reference", "id": "msg_1" }]), "/input/0/id"),
            (json!([{ "type": "message", "content": "x" }]), "/input/0/role"),
            (json!([{ "role": "user" }]), "/input/0/content"),
            (json!([{ "type": "function_call", "name": "a" }]), "/input/0/call_id"),
            (json!([{ "type": "function_call_output", "call_id": "a" }]), "/input/0/output"),
            (
                json!([{ "role": "user", "content": [{ "type": "input_image", "image_url": "https://example.com/x" }] }]),
                "/input/0/content/0/image_url",
            ),
            (json!([{ "role": "user", "content": [{ "type": "input_file" }] }]), "/input/0/content/0/type"),
        ];
        for (input, pointer) in cases {
            assert_eq!(read(input.clone()).1, [pointer], "{input}");
        }
    }
}
