//! All that the tiny language model has read, and how it is told who speaks.

/// What it writes is made of these.
pub(super) const SENTENCES: &[&str] = &[
    "Hello! I am a very small model.",
    "Hello there! I was made for tests.",
    "I am here to help you with your pictures.",
    "Sure! Here is a short answer for you.",
    "A quiet lake lies under the morning sun.",
    "A red fox runs across the green field.",
    "The city lights shine on the wet street.",
    "The small model paints a quiet lake at dawn.",
    "The red boat sails under the morning sky.",
    "I like the green field and the quiet sky.",
];

/// Who says what, in the marks of ChatML, with tools as most models have them.
pub(super) const CHAT_TEMPLATE: &str = concat!(
    "{%- set first = messages[0] -%}",
    "{%- if tools -%}",
    "{{- '<|im_start|>system\\n' -}}",
    "{%- if first.role == 'system' -%}{{- first.content + '\\n\\n' -}}{%- endif -%}",
    "{{- '# Tools\\n\\nYou may call one or more functions.\\n<tools>' -}}",
    "{%- for tool in tools -%}{{- '\\n' + (tool | tojson) -}}{%- endfor -%}",
    "{{- '\\n</tools>\\n\\nFor each call answer <tool_call>\\n{\"name\": <function-name>, ",
    "\"arguments\": <args-json-object>}\\n</tool_call><|im_end|>\\n' -}}",
    "{%- elif first.role == 'system' -%}",
    "{{- '<|im_start|>system\\n' + first.content + '<|im_end|>\\n' -}}",
    "{%- endif -%}",
    "{%- for message in messages -%}",
    "{%- if message.role == 'tool' -%}",
    "{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' -}}",
    "{%- elif message.role == 'assistant' -%}",
    "{{- '<|im_start|>assistant\\n' -}}",
    "{%- if message.content -%}{{- message.content -}}{%- endif -%}",
    "{%- if message.tool_calls -%}{%- for call in message.tool_calls -%}",
    "{%- if call.function -%}{%- set call = call.function -%}{%- endif -%}",
    "{{- '<tool_call>\\n{\"name\": \"' + call.name + '\", \"arguments\": ' -}}",
    "{{- call.arguments | tojson -}}{{- '}\\n</tool_call>' -}}",
    "{%- endfor -%}{%- endif -%}",
    "{{- '<|im_end|>\\n' -}}",
    "{%- elif not (loop.first and message.role == 'system') -%}",
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}",
    "{%- endif -%}",
    "{%- endfor -%}",
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}",
);

/// Returns the words of a sentence as the tokenizer cuts them: a blank belongs to the word behind it, and signs stand alone.
pub(super) fn words(sentence: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in sentence.split(' ') {
        let (word, sign) = match word.strip_suffix(['.', '!']) {
            Some(bare) => (bare, Some(&word[bare.len()..])),
            None => (word, None),
        };
        words.push(format!("{}{word}", super::vocabulary::BLANK));
        words.extend(sign.map(str::to_owned));
    }
    words
}
