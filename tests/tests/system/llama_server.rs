//! Text through the doors, written by the real llama-server with the tiny model.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tests::{client, client::Client, plan::Plan, system::System};
use tokio::time::timeout;

use crate::LIMIT;

const CHAT: &str = "/v1/chat/completions";

/// Starts a system that writes.
async fn start() -> System {
    let mut system = Plan::new().workers(0).start().await.expect("a system");
    let worker = system.start_text_worker().expect("a text worker");
    system.workers.push(worker);
    system
}

fn chat(more: &Value) -> Value {
    let mut request =
        json!({ "messages": [{ "role": "user", "content": "hello" }], "max_tokens": 24, "temperature": 0 });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

async fn post(client: &Client, path: &str, body: &Value) -> Value {
    let answer = client.post(path, body).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
    client::read(answer).await.unwrap()
}

/// Begins a stream that would go on for long, and returns it once the first words have come.
async fn long_stream(client: &Client) -> Response {
    // Without the token that ends a sentence it goes on until the context is full.
    let request = chat(&json!({ "stream": true, "max_tokens": 3500, "logit_bias": { "4": -100, "2": -100 } }));
    let mut stream = client.post(CHAT, &request).await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    let mut text = String::new();
    while !text.contains("\"content\":\"") || text.ends_with("\"content\":\"\"") {
        let piece = timeout(LIMIT, stream.chunk()).await.expect("words in time").unwrap().expect("more of the stream");
        text.push_str(&String::from_utf8_lossy(&piece));
        if text.matches("chat.completion.chunk").count() > 1 {
            break;
        }
    }
    stream
}

#[tokio::test]
async fn the_real_engine_chats_streams_embeds_and_counts_tokens() {
    let mut system = start().await;
    let client = system.client();
    let whole = post(&client, CHAT, &chat(&json!({}))).await;
    let words = whole["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    assert!(!words.is_empty() && whole["usage"]["completion_tokens"].as_u64() > Some(0), "{whole}");
    let stream = client.post(CHAT, &chat(&json!({ "stream": true }))).await.unwrap().text().await.unwrap();
    let told: String = stream
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(told, words);
    assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");

    let vectors = post(&client, "/v1/embeddings", &json!({ "input": ["a quiet lake", "a red fox"] })).await;
    assert_eq!(vectors["data"].as_array().map(Vec::len), Some(2));
    let tokens = post(&client, "/api/llm/tokenize", &json!({ "text": "a quiet lake" })).await;
    assert!(tokens["tokens"].as_array().is_some_and(|tokens| tokens.len() > 1), "{tokens}");
    let text = post(&client, "/api/llm/detokenize", &json!({ "tokens": tokens["tokens"] })).await;
    assert_eq!(text["text"].as_str().map(str::trim), Some("a quiet lake"));
    let messages = json!([{ "role": "user", "parts": [{ "type": "text", "text": "hello" }] }]);
    let prompt = post(&client, "/api/llm/template", &json!({ "messages": messages })).await;
    assert!(prompt["text"].as_str().is_some_and(|text| text.contains("hello") && text.len() > 10), "{prompt}");
    let listed: Value = client.get_json("/api/llm/models").await.unwrap();
    assert_eq!(
        (&listed["data"][0]["id"], &listed["data"][0]["modalities"]),
        (&json!("smoke"), &json!(["text", "image"]))
    );
    system.stop(LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_text_worker_that_dies_in_the_middle_ends_the_stream_with_a_reason_and_the_next_one_answers() {
    let mut system = start().await;
    let client = system.client();
    let stream = long_stream(&client).await;
    let mut worker = system.workers.pop().unwrap();
    worker.kill();
    let rest = timeout(LIMIT, stream.text()).await.expect("the stream ends").unwrap();
    assert!(rest.contains("\"error\""), "{rest}");
    let next = system.start_text_worker().unwrap();
    system.workers.push(next);
    post(&client, CHAT, &chat(&json!({}))).await;
    system.stop(LIMIT).await.unwrap();
}

#[tokio::test]
async fn what_is_too_long_for_the_model_is_refused_with_both_numbers() {
    let mut system = start().await;
    let long = "lake ".repeat(60_000);
    let request = chat(&json!({ "messages": [{ "role": "user", "content": long }] }));
    let refused = system.client().post(CHAT, &request).await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let error: Value = refused.json().await.unwrap();
    assert!(error["error"]["message"].as_str().is_some_and(|message| message.contains("token")), "{error}");
    system.stop(LIMIT).await.unwrap();
}
