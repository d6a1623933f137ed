//! `POST /v1/completions` and `/v1/embeddings`, and the list of models.

use std::time::Duration;

use contract::{
    spec::WorkerKind,
    text::{
        EmbeddingInput, TextAnswer, TextEvent, TextRequest,
        reply::{Finish, Usage},
    },
    worker::Worker,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::house::{MODEL, answer, begin, delta, end, error, events, generated, leap, next_job, open};
use crate::wait::PATIENCE;

#[tokio::test]
async fn several_texts_are_continued_at_once_and_tokens_are_turned_into_words_first() {
    let (house, mut worker) = open().await;
    let request = json!({ "prompt": [[1, 2], [3]], "max_tokens": 4, "echo": true });
    let waiting = begin(house.request(Method::POST, "/v1/completions").json(&request));
    for _ in 0..2 {
        let lease = next_job(&mut worker).await;
        let TextRequest::Detokenize(asked) = &lease.job.request else { panic!("{:?}", lease.job.request) };
        let text = format!("{:?}", asked.tokens);
        end(lease, 0, vec![TextEvent::End { answer: TextAnswer::Text { text } }]).await;
    }
    for _ in 0..2 {
        let lease = next_job(&mut worker).await;
        let TextRequest::Completion(asked) = &lease.job.request else { panic!("{:?}", lease.job.request) };
        assert_eq!((asked.sampling.max_tokens, asked.echo, asked.count), (Some(4), true, 1));
        let words = format!("after {}", asked.prompt);
        answer(lease, &words).await;
    }
    let body: Value = waiting.await.unwrap().json();
    let texts: Vec<&Value> = body["choices"].as_array().unwrap().iter().map(|choice| &choice["text"]).collect();
    assert_eq!(texts, ["after [1, 2]", "after [3]"]);
    assert_eq!((&body["object"], &body["usage"]["total_tokens"]), (&json!("text_completion"), &json!(14)));
}

#[tokio::test]
async fn while_tokens_are_turned_into_words_there_are_signs_of_life() {
    let (house, mut worker) = open().await;
    let request = house.request(Method::POST, "/v1/completions").json(&json!({ "prompt": [1, 2] }));
    let waiting = tokio::spawn(async move { request.send().await.unwrap() });
    let lease = next_job(&mut worker).await;
    leap(&house, Duration::from_secs(46)).await;
    let begun = waiting.await.unwrap();
    end(lease, 0, vec![TextEvent::End { answer: TextAnswer::Text { text: "a".to_owned() } }]).await;
    answer(next_job(&mut worker).await, "b").await;
    assert_eq!(begun.json::<Value>().await.unwrap()["choices"][0]["text"], "b");
}

#[tokio::test]
async fn a_stream_of_what_follows_tokens_begins_before_they_are_words() {
    let (house, mut worker) = open().await;
    let request = json!({ "prompt": [[1, 2], [3]], "stream": true });
    let request = house.request(Method::POST, "/v1/completions").json(&request);
    let waiting = tokio::spawn(async move { request.send().await.unwrap() });
    let leases = [next_job(&mut worker).await, next_job(&mut worker).await];
    leap(&house, Duration::from_secs(3)).await;
    let mut begun = waiting.await.unwrap();
    assert_eq!(begun.status(), StatusCode::OK);
    leap(&house, Duration::from_secs(20)).await;
    let first = begun.chunk().await.unwrap().unwrap();
    assert_eq!(first, b": keep-alive\n\n".as_slice());
    for lease in leases {
        let TextRequest::Detokenize(asked) = &lease.job.request else { panic!("{:?}", lease.job.request) };
        let text = format!("{:?}", asked.tokens);
        end(lease, 0, vec![TextEvent::End { answer: TextAnswer::Text { text } }]).await;
    }
    for _ in 0..2 {
        let lease = next_job(&mut worker).await;
        let TextRequest::Completion(asked) = &lease.job.request else { panic!("{:?}", lease.job.request) };
        let words = format!("after {}", asked.prompt);
        answer(lease, &words).await;
    }
    let (events, _) = events(&begun.text().await.unwrap());
    let text = |index: usize| -> String {
        let choices = events.iter().map(|event| &event["choices"][0]).filter(|choice| choice["index"] == index);
        choices.filter_map(|choice| choice["text"].as_str()).collect()
    };
    assert_eq!((text(0), text(1)), ("after [1, 2]".to_owned(), "after [3]".to_owned()));
}

#[tokio::test]
async fn a_continuation_streams() {
    let (house, mut worker) = open().await;
    let request = json!({ "prompt": "a quiet", "stream": true });
    let waiting = begin(house.request(Method::POST, "/v1/completions").json(&request));
    let events_of_worker = vec![delta(" lake", None), delta(" lies", Some(Finish::Length)), generated()];
    end(next_job(&mut worker).await, 0, events_of_worker).await;
    let (events, _) = events(&waiting.await.unwrap().text());
    let text: String = events.iter().filter_map(|event| event["choices"][0]["text"].as_str()).collect();
    assert_eq!((text.as_str(), events.last()), (" lake lies", Some(&json!("[DONE]"))));
}

#[tokio::test]
async fn vectors_come_as_numbers_or_as_bytes() {
    let (house, mut worker) = open().await;
    for encoding in ["float", "base64"] {
        let request = json!({ "model": MODEL, "input": ["a", "b"], "encoding_format": encoding, "dimensions": 2 });
        let waiting = begin(house.request(Method::POST, "/v1/embeddings").json(&request));
        let lease = next_job(&mut worker).await;
        let TextRequest::Embedding(asked) = &lease.job.request else { panic!("{:?}", lease.job.request) };
        let text = |text: &str| EmbeddingInput::Text { text: text.to_owned() };
        assert_eq!((asked.inputs.as_slice(), asked.dimensions), ([text("a"), text("b")].as_slice(), Some(2)));
        let usage = Usage { prompt_tokens: 2, cached_tokens: 0, completion_tokens: 0, reasoning_tokens: None };
        let vectors = vec![vec![0.5, -1.0], vec![0.0, 1.0]];
        end(lease, 0, vec![TextEvent::End { answer: TextAnswer::Embeddings { vectors, usage } }]).await;
        let body: Value = waiting.await.unwrap().json();
        let first = &body["data"][0]["embedding"];
        let expected = if encoding == "float" { json!([0.5, -1.0]) } else { json!("AAAAPwAAgL8=") };
        assert_eq!((first, &body["data"][1]["index"]), (&expected, &json!(1)));
        assert_eq!((&body["object"], &body["usage"]["total_tokens"]), (&json!("list"), &json!(2)));
    }
    let refused = house.post("/v1/embeddings", &json!({ "input": [""] })).await;
    assert_eq!((refused.status, &error(&refused)["param"]), (StatusCode::BAD_REQUEST, &json!("input")));
}

#[tokio::test]
async fn an_answer_of_another_kind_is_our_fault_and_says_nothing_more() {
    let (house, mut worker) = open().await;
    let waiting = begin(house.request(Method::POST, "/v1/embeddings").json(&json!({ "input": "x" })));
    end(next_job(&mut worker).await, 0, vec![generated()]).await;
    let refused = waiting.await.unwrap();
    assert_eq!((refused.status, &error(&refused)["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("server_error")));
}

#[tokio::test]
async fn the_models_of_an_engine_elsewhere_are_known_by_the_worker_that_speaks_to_it() {
    let (house, mut worker) = open().await;
    let announced = Worker {
        resident_models: vec!["far/away".to_owned()],
        ..Worker::idle("test-writer", WorkerKind::Llm, "OpenAI", "elsewhere", chassis::clock::Clock::system().now())
    };
    house.queue.announce_worker(&announced, PATIENCE).await.unwrap();
    assert_eq!(house.get("/v1/models/far/away").await.status, StatusCode::OK);
    let request = json!({ "model": "far/away", "messages": [{ "role": "user", "content": "x" }] });
    let waiting = begin(house.request(Method::POST, "/v1/chat/completions").json(&request));
    let lease = next_job(&mut worker).await;
    assert_eq!(lease.job.model, "far/away");
    answer(lease, "hello from afar").await;
    assert_eq!(waiting.await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn language_models_stand_in_the_list_with_what_they_take() {
    let (house, _) = open().await;
    std::fs::write(house.folder.path().join("models/llm/broken.gguf"), b"GGUF").unwrap();
    let list: Value = house.get("/v1/models").await.json();
    let ids: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|model| &model["id"]).collect();
    assert_eq!(ids, [MODEL, "scripted"]);
    let one: Value = house.get("/v1/models/smoke").await.json();
    assert_eq!((&one["type"], &one["modalities"]), (&json!("llm"), &json!(["text", "image"])));
    let native: Value = house.get("/api/llm/models").await.json();
    let [broken, smoke] = native["data"].as_array().unwrap().as_slice() else { panic!("{native}") };
    assert!(broken["problem"].is_string() && smoke.get("problem").is_none(), "{native}");
    assert!(smoke["context_length"].as_u64() > Some(0) && smoke["has_chat_template"] == true, "{native}");
    let refused = house
        .post("/v1/chat/completions", &json!({ "model": "broken", "messages": [{ "role": "user", "content": "x" }] }))
        .await;
    assert_eq!((refused.status, &error(&refused)["code"]), (StatusCode::NOT_FOUND, &json!("model_not_found")));
}
