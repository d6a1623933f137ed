//! Our own routes: tokens and templates.

use std::time::Duration;

use contract::{
    job::FailureCode,
    text::{TextAnswer, TextEvent, TextRequest},
};
use queue::Accepted;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};

use super::house::{MODEL, begin, end, failed, leap, next_job, open};
use crate::{http::house::House, wait::PATIENCE};

/// The routes, each with a question.
fn questions() -> [(&'static str, Value); 3] {
    let hello = json!({ "role": "user", "parts": [{ "type": "text", "text": "hello" }] });
    [
        ("/api/llm/tokenize", json!({ "text": "hello" })),
        ("/api/llm/detokenize", json!({ "tokens": [5, 6] })),
        ("/api/llm/template", json!({ "messages": [hello] })),
    ]
}

/// Asks, and hands the answer over as soon as it begins.
fn ask(house: &House, path: &str, body: &Value) -> JoinHandle<Response> {
    let request = house.request(Method::POST, path).json(body);
    tokio::spawn(async move { request.send().await.unwrap() })
}

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
    end(next_job(&mut worker).await, 0, vec![failed(FailureCode::EngineCrashed, "it died")]).await;
    let refused = waiting.await.unwrap();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.problem().detail, "it died; do this");
}

#[tokio::test]
async fn while_a_model_is_loaded_there_are_signs_of_life_and_then_the_answer() {
    let (house, mut worker) = open().await;
    for (path, question) in questions() {
        let waiting = ask(&house, path, &question);
        let lease = next_job(&mut worker).await;
        leap(&house, Duration::from_secs(46)).await;
        let mut answer = waiting.await.unwrap();
        assert_eq!(
            (answer.status(), &answer.headers()["content-type"]),
            (StatusCode::OK, &"application/json".parse().unwrap())
        );
        leap(&house, Duration::from_secs(11)).await;
        assert_eq!(answer.chunk().await.unwrap().as_deref(), Some(b" ".as_slice()), "{path}");
        let whole = match path {
            "/api/llm/tokenize" => TextAnswer::Tokens { tokens: vec![5], pieces: Vec::new() },
            _ => TextAnswer::Text { text: "hello".to_owned() },
        };
        end(lease, 0, vec![TextEvent::End { answer: whole }]).await;
        assert_eq!(answer.json::<Value>().await.unwrap()["model"], MODEL, "{path}");
    }
}

#[tokio::test]
async fn what_goes_wrong_after_a_sign_of_life_is_a_problem_in_the_body() {
    let (house, mut worker) = open().await;
    let waiting = ask(&house, "/api/llm/tokenize", &json!({ "text": "hello" }));
    let lease = next_job(&mut worker).await;
    leap(&house, Duration::from_secs(46)).await;
    let answer = waiting.await.unwrap();
    let request_id = answer.headers()["x-request-id"].clone();
    end(lease, 0, vec![failed(FailureCode::EngineCrashed, "it died")]).await;
    let problem: contract::problem::Problem = answer.json().await.unwrap();
    assert_eq!((problem.status, problem.detail.as_str()), (503, "it died; do this"));
    assert_eq!(
        (problem.instance.as_str(), problem.request_id.as_str()),
        ("/api/llm/tokenize", request_id.to_str().unwrap())
    );
}

#[tokio::test]
async fn whoever_goes_away_ends_the_work_before_and_after_the_first_sign_of_life() {
    let (house, mut worker) = open().await;
    for (path, question) in questions() {
        for has_begun in [false, true] {
            let waiting = ask(&house, path, &question);
            let lease = next_job(&mut worker).await;
            if has_begun {
                leap(&house, Duration::from_secs(46)).await;
                drop(waiting.await.unwrap());
            } else {
                waiting.abort();
            }
            timeout(PATIENCE, lease.cancelled().cancelled()).await.expect("the worker hears of it");
            assert_eq!(lease.cancel().await.unwrap(), Accepted::Yes, "{path}");
        }
    }
}
