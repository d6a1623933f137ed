//! What a model may call, and whether it must.

use contract::text::chat::{Tool, ToolChoice};
use serde_json::Value;

use super::{object::Object, sampling::Dialect};
use crate::http::json::shortened;

const MOST_TOOLS: usize = 512;
const LONGEST_NAME: usize = 128;

/// What a model may call.
#[derive(Debug, Default)]
pub(crate) struct Tools {
    pub(crate) tools: Vec<Tool>,
    pub(crate) choice: ToolChoice,
    /// Whether they came as `functions`, and the answer shall speak of them so.
    pub(crate) are_functions: bool,
}

/// Reads the tools of a request.
pub(crate) fn read_tools(request: &Object<'_>, dialect: Dialect) -> Tools {
    let are_functions = dialect == Dialect::Chat && request.has("functions") && !request.has("tools");
    let (list, chosen) = if are_functions { ("functions", "function_call") } else { ("tools", "tool_choice") };
    let objects = request.objects(list).unwrap_or_default();
    if objects.len() > MOST_TOOLS {
        request.refuse(list, format_args!("must be at most {MOST_TOOLS}"));
    }
    let read = |one: &Object<'_>| match (are_functions, dialect) {
        (true, _) => read_function(one),
        (false, Dialect::Response) => is_function(one).then(|| read_function(one))?,
        (false, _) => is_function(one).then(|| read_function(&needed(one, "function")?))?,
    };
    let tools: Vec<Tool> = objects.iter().take(MOST_TOOLS).filter_map(read).collect();
    for (place, tool) in tools.iter().enumerate() {
        if tools.iter().take(place).any(|other| other.name == tool.name) {
            request.refuse(list, format_args!("has two with the name {:?}", shortened(&tool.name)));
        }
    }
    let choice = read_choice(request, chosen, dialect);
    match &choice {
        ToolChoice::Required if tools.is_empty() => request.refuse(chosen, "is required, and there are no tools"),
        ToolChoice::Named { name } if !tools.iter().any(|tool| tool.name == *name) => {
            request.refuse(chosen, format_args!("names {:?}, which is none of the tools", shortened(name)));
        }
        _ => {}
    }
    Tools { tools, choice, are_functions }
}

fn is_function(tool: &Object<'_>) -> bool {
    if !tool.has("type") {
        tool.refuse("type", "is required: function");
        return false;
    }
    let is_function = tool.value("type").and_then(Value::as_str) == Some("function");
    if !is_function {
        tool.refuse("type", "must be function: this server has no tools of its own");
    }
    is_function
}

fn needed<'a>(object: &Object<'a>, name: &str) -> Option<Object<'a>> {
    if !object.has(name) {
        object.refuse(name, "is required");
    }
    object.object(name)
}

fn read_function(function: &Object<'_>) -> Option<Tool> {
    let name = function.needed_text("name")?;
    let is_fit =
        name.len() <= LONGEST_NAME && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte));
    if !is_fit {
        function.refuse("name", format_args!("must be at most {LONGEST_NAME} letters, digits, _ and -"));
    }
    let parameters = function.value("parameters");
    if parameters.is_some_and(|parameters| !parameters.is_object()) {
        function.refuse("parameters", "must be an object: the JSON schema of the arguments");
    }
    function.flag("strict");
    let description = function.text("description").map(str::to_owned);
    Some(Tool { name: name.to_owned(), description, parameters: parameters.cloned() })
}

fn read_choice(request: &Object<'_>, name: &str, dialect: Dialect) -> ToolChoice {
    match request.value(name) {
        None => ToolChoice::Auto,
        Some(Value::String(word)) => match word.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" | "any" => ToolChoice::Required,
            _ => {
                request.refuse(name, "must be auto, none, required, or an object that names a function");
                ToolChoice::Auto
            }
        },
        Some(_) => {
            let Some(choice) = request.object(name) else { return ToolChoice::Auto };
            let named = match dialect {
                Dialect::Response => choice.needed_text("name"),
                _ if name == "function_call" => choice.needed_text("name"),
                _ => needed(&choice, "function").and_then(|function| function.needed_text("name")),
            };
            named.map_or(ToolChoice::Auto, |name| ToolChoice::Named { name: name.to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::openai::reading::object::Mistakes;

    fn read(value: &Value, dialect: Dialect) -> (Tools, Vec<String>) {
        let mistakes = Mistakes::default();
        let tools = read_tools(&Object::at(String::new(), value, &mistakes).unwrap(), dialect);
        let error = mistakes.finish().err();
        let wrong = error.and_then(|error| error.fields().map(|(_, errors)| errors.to_vec())).unwrap_or_default();
        (tools, wrong.into_iter().map(|error| error.pointer).collect())
    }

    #[test]
    fn the_same_tool_is_read_in_each_of_its_three_forms() {
        let function = json!({ "name": "look_up", "description": "Looks.", "parameters": { "type": "object" } });
        let mut flat = function.clone();
        flat["type"] = "function".into();
        let forms = [
            (
                json!({ "tools": [{ "type": "function", "function": function }], "tool_choice": "required" }),
                Dialect::Chat,
            ),
            (json!({ "tools": [flat], "tool_choice": "required" }), Dialect::Response),
        ];
        for (value, dialect) in forms {
            let (tools, wrong) = read(&value, dialect);
            assert_eq!((wrong, &tools.choice, tools.are_functions), (vec![], &ToolChoice::Required, false));
            assert_eq!(tools.tools[0].description.as_deref(), Some("Looks."));
        }
        let legacy = json!({ "functions": [function], "function_call": { "name": "look_up" } });
        let (tools, wrong) = read(&legacy, Dialect::Chat);
        assert_eq!((wrong, tools.are_functions), (vec![], true));
        assert_eq!(tools.choice, ToolChoice::Named { name: "look_up".to_owned() });
    }

    #[test]
    fn a_tool_that_cannot_be_called_is_named_by_its_place() {
        let tool = |name: &str| json!({ "type": "function", "function": { "name": name } });
        let cases = [
            (json!({ "tools": {} }), "/tools"),
            (json!({ "tools": [1] }), "/tools/0"),
            (json!({ "tools": [{}] }), "/tools/0/type"),
            (json!({ "tools": [{ "type": "web_search" }] }), "/tools/0/type"),
            (json!({ "tools": [{ "type": "function" }] }), "/tools/0/function"),
            (json!({ "tools": [tool("a b")] }), "/tools/0/function/name"),
            (json!({ "tools": [tool("a"), tool("a")] }), "/tools"),
            (json!({ "tools": [tool("a")], "tool_choice": "sometimes" }), "/tool_choice"),
            (
                json!({ "tools": [tool("a")], "tool_choice": { "type": "function", "function": { "name": "b" } } }),
                "/tool_choice",
            ),
            (json!({ "tool_choice": "required" }), "/tool_choice"),
        ];
        for (value, pointer) in cases {
            assert_eq!(read(&value, Dialect::Chat).1, [pointer], "{value}");
        }
    }
}
