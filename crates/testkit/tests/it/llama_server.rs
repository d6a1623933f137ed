//! What the tiny language model can do in the real engine: everything that a test of the product needs of it.

use serde_json::{Value, json};

use crate::server::Server;

const CHAT: &str = "/v1/chat/completions";

/// A red square of 8 × 8 pixels, as a PNG.
const PICTURE: &str = concat!(
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4z8CAFWEXHbQSACj/P8Fu7N9h",
    "AAAAAElFTkSuQmCC"
);

fn says(text: &str) -> Value {
    json!([{"role": "user", "content": text}])
}

#[test]
fn it_chats_in_sentences_and_says_the_same_by_seed() {
    let server = Server::start(&[]);
    let ask = |seed: u32| {
        let (status, answer) = server
            .post(CHAT, &json!({"messages": says("Hello"), "seed": seed, "max_tokens": 200, "cache_prompt": false}));
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["choices"][0]["finish_reason"], "stop", "{answer}");
        answer["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
    };
    let texts: Vec<_> = (0..8).map(ask).collect();
    assert!(texts.iter().all(|text| text.ends_with(['.', '!'])), "{texts:?}");
    assert!(texts.iter().any(|text| *text != texts[0]), "{texts:?}");
    assert_eq!(ask(0), texts[0]);
}

#[test]
fn it_streams_words_and_counts_them() {
    let server = Server::start(&[]);
    let request = json!({"messages": says("Hello"), "stream": true, "stream_options": {"include_usage": true}});
    let lines = server.stream(CHAT, &request);
    assert_eq!(lines.last().map(String::as_str), Some("[DONE]"));
    let chunks: Vec<Value> = lines[..lines.len() - 1].iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let words = chunks.iter().filter(|chunk| chunk["choices"][0]["delta"]["content"].is_string()).count();
    let usage = &chunks.last().unwrap()["usage"];
    assert!(words > 2, "{lines:?}");
    // The end of the answer is a word, too, and nobody sees it.
    assert_eq!(usage["completion_tokens"], words as u64 + 1, "{lines:?}");
}

#[test]
fn it_calls_a_tool_once_and_answers_after_the_result() {
    let server = Server::start(&[]);
    let tools = json!([{"type": "function", "function": {"name": "paint", "parameters": {
        "type": "object",
        "properties": {"subject": {"type": "string"}, "width": {"type": "integer"}},
        "required": ["subject", "width"]}}}]);
    let question = json!({"role": "user", "content": "Paint a lake."});
    let (status, answer) =
        server.post(CHAT, &json!({"messages": [question], "tools": tools, "max_tokens": 400, "temperature": 0}));
    assert_eq!((status, &answer["choices"][0]["finish_reason"]), (200, &json!("tool_calls")), "{answer}");
    let message = &answer["choices"][0]["message"];
    let call = &message["tool_calls"][0];
    assert_eq!(call["function"]["name"], "paint");
    let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert!(arguments["subject"].is_string() && arguments["width"].is_i64(), "{arguments}");
    let result = json!({"role": "tool", "tool_call_id": call["id"], "content": "painted"});
    let (status, answer) =
        server.post(CHAT, &json!({"messages": [question, message, result], "tools": tools, "max_tokens": 200}));
    assert_eq!((status, &answer["choices"][0]["finish_reason"]), (200, &json!("stop")), "{answer}");
    assert!(!answer["choices"][0]["message"]["content"].as_str().unwrap().is_empty());
}

#[test]
fn it_fills_a_form_that_a_schema_describes() {
    let server = Server::start(&[]);
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["title", "mood", "tags"],
        "properties": {"title": {"type": "string"}, "mood": {"enum": ["calm", "wild"]},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "form", "schema": schema}});
    for seed in 0..4 {
        let request = json!({"messages": says("Hello"), "response_format": format, "seed": seed, "max_tokens": 1000});
        let (status, answer) = server.post(CHAT, &request);
        assert_eq!((status, &answer["choices"][0]["finish_reason"]), (200, &json!("stop")), "{answer}");
        let form: Value = serde_json::from_str(answer["choices"][0]["message"]["content"].as_str().unwrap()).unwrap();
        assert!(form["title"].is_string() && form["tags"].as_array().is_some_and(|tags| !tags.is_empty()), "{form}");
    }
}

#[test]
fn it_embeds_texts_and_tells_them_apart() {
    let server = Server::start(&["--embeddings", "--pooling", "mean"]);
    let (status, answer) =
        server.post("/v1/embeddings", &json!({"input": ["A red fox.", "The quiet sky.", "A red fox."]}));
    assert_eq!(status, 200, "{answer}");
    let embedding = |place: usize| answer["data"][place]["embedding"].as_array().unwrap().clone();
    assert_eq!(embedding(0), embedding(2));
    assert_ne!(embedding(0), embedding(1));
}

#[test]
fn it_takes_pictures_with_its_eye_and_refuses_them_without() {
    let question = json!({"messages": [{"role": "user", "content": [
        {"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PICTURE}}]}],
        "max_tokens": 50});
    let blind = Server::start(&[]);
    assert_eq!(blind.get("/props")["modalities"]["vision"], false);
    assert!(blind.post(CHAT, &question).0 >= 400);
    // The server starts in the folder of models.
    let seeing = Server::start(&["--mmproj", "llm/mmproj-smoke.gguf"]);
    assert!(seeing.models_dir().join("llm/mmproj-smoke.gguf").is_file());
    assert_eq!(seeing.get("/props")["modalities"]["vision"], true);
    let (status, answer) = seeing.post(CHAT, &question);
    assert_eq!(status, 200, "{answer}");
    // 16 squares, and the words.
    assert!(answer["usage"]["prompt_tokens"].as_u64().unwrap() > 16, "{answer}");
}

#[test]
fn a_prompt_that_is_too_long_is_refused_with_numbers() {
    let server = Server::start(&["--ctx-size", "256"]);
    let (status, answer) = server.post(CHAT, &json!({"messages": says(&"fox ".repeat(400))}));
    assert_eq!((status, &answer["error"]["type"]), (400, &json!("exceed_context_size_error")), "{answer}");
    assert_eq!(answer["error"]["n_ctx"], 256);
}
