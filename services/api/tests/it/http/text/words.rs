//! Our own routes: tokens and templates.

use contract::text::{TextAnswer, TextEvent, TextRequest};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::house::{MODEL, begin, end, failed, next_job, open};

#[tokio::test]
async fn a_text_becomes_tokens_and_tokens_a_text() {
    let (house, mut worker) = open().await;
    let request = json!({ "text": "hello", "with_pieces": true });
    let waiting = begin(house.request(Method::POST, "/api/llm/tokenize").json(&request));
    let lease = next_job(&mut worker).await;
    let TextRequest::Tokenize(asked) = &lease.job.request else { panic!("{:?}", lease.job.request) };
    assert_eq!((asked.text.as_str(), asked.with_pieces, asked.add_special), ("hello", true, false));
    let answer = TextAnswer::Tokens { tokens: vec![5, 6], pieces: vec![json!("hel"), json!([108, 111])] };
    end(lease, 0, vec![TextEvent::End { answer }]).await;
    let body: Value = waiting.await.unwrap().json();
    assert_eq!(body, json!({ "model": MODEL, "tokens": [5, 6], "pieces": ["hel", [108, 111]] }));

    let waiting = begin(house.request(Method::POST, "/api/llm/detokenize").json(&json!({ "tokens": [5, 6] })));
    let answer = TextAnswer::Text { text: "hello".to_owned() };
    end(next_job(&mut worker).await, 0, vec![TextEvent::End { answer }]).await;
    assert_eq!(waiting.await.unwrap().json::<Value>(), json!({ "model": MODEL, "text": "hello" }));
}

#[tokio::test]
async fn a_conversation_becomes_a_prompt() {
    let (house, mut worker) = open().await;
    let messages = json!([
        { "role": "system", "text": "be kind" },
        { "role": "user", "parts": [{ "type": "text", "text": "hello" }] },
    ]);
    let waiting = begin(house.request(Method::POST, "/api/llm/template").json(&json!({ "messages": messages })));
    let lease = next_job(&mut worker).await;
    let TextRequest::ApplyTemplate(chat) = &lease.job.request else { panic!("{:?}", lease.job.request) };
    assert_eq!(chat.messages.len(), 2);
    let answer = TextAnswer::Text { text: "<|im_start|>".to_owned() };
    end(lease, 0, vec![TextEvent::End { answer }]).await;
    assert_eq!(waiting.await.unwrap().json::<Value>()["text"], "<|im_start|>");
}

#[tokio::test]
async fn what_is_wrong_is_a_problem_like_all_others() {
    let (house, mut worker) = open().await;
    for (path, body, pointer) in [
        ("tokenize", json!({}), "/text"),
        ("tokenize", json!({ "text": "x", "model": "none" }), "/model"),
        ("tokenize", json!({ "text": "x", "txt": 1 }), "/txt"),
        ("detokenize", json!({ "tokens": [-1] }), "/tokens/0"),
        ("template", json!({ "messages": [] }), "/messages"),
    ] {
        let problem = house.post(&format!("/api/llm/{path}"), &body).await.problem();
        assert_eq!((problem.status, problem.errors[0].pointer.as_str()), (422, pointer), "{body}");
    }
    let waiting = begin(house.request(Method::POST, "/api/llm/tokenize").json(&json!({ "text": "x" })));
    end(next_job(&mut worker).await, 0, vec![failed(contract::job::FailureCode::EngineCrashed, "it died")]).await;
    let refused = waiting.await.unwrap();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.problem().detail, "it died; do this");
}
