//! `POST /v1/chat/completions`.

use std::time::Instant;

use contract::{
    job::FailureCode,
    text::{
        TextEvent, TextRequest,
        chat::{Message, Part},
        reply::Finish,
    },
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::house::{
    MODEL, answer, begin, delta, end, error, events, failed, generated, generated_with, next_job, open, open_with, say,
};
use crate::{
    http::{
        house::{House, send},
        picture::png,
    },
    wait::{PATIENCE, until},
};

const CHAT: &str = "/v1/chat/completions";

fn hello() -> Value {
    json!({ "model": MODEL, "messages": [{ "role": "user", "content": "hello" }] })
}

/// Returns the request with another value in it.
fn with(name: &str, value: Value) -> Value {
    let mut request = hello();
    request[name] = value;
    request
}

#[tokio::test]
async fn a_chat_reaches_the_worker_as_it_was_meant_and_its_answer_the_client() {
    let (house, mut worker) = open().await;
    for path in [CHAT, "/chat/completions"] {
        let mut request = hello();
        request["temperature"] = json!(0.5);
        request["max_completion_tokens"] = json!(9);
        request.as_object_mut().unwrap().remove("model");
        // Some clients say nothing about the content.
        let waiting = begin(house.request(Method::POST, path).body(request.to_string()));
        let lease = next_job(&mut worker).await;
        assert_eq!(lease.job.model, MODEL);
        let TextRequest::Chat(chat) = &lease.job.request else { panic!("{:?}", lease.job.request) };
        assert_eq!((chat.sampling.temperature, chat.sampling.max_tokens), (Some(0.5), Some(9)));
        assert_eq!(chat.messages, [Message::User { parts: vec![Part::Text { text: "hello".to_owned() }] }]);
        answer(lease, "good day").await;
        let whole = waiting.await.unwrap();
        assert_eq!(whole.status, StatusCode::OK, "{}", whole.text());
        let body: Value = whole.json();
        assert_eq!(body["choices"][0]["message"]["content"], "good day");
        assert_eq!((&body["choices"][0]["finish_reason"], &body["usage"]["total_tokens"]), (&json!("stop"), &json!(7)));
        assert_eq!((&body["model"], &body["object"]), (&json!(MODEL), &json!("chat.completion")));
    }
    house.assert_untouched().await;
}

#[tokio::test]
async fn thoughts_are_counted_where_somebody_counted_them_and_else_nothing_is_said() {
    let (house, mut worker) = open().await;
    for counted in [None, Some(0), Some(2)] {
        let waiting = begin(house.request(Method::POST, CHAT).json(&hello()));
        end(next_job(&mut worker).await, 0, vec![delta("good day", Some(Finish::Stop)), generated_with(counted)]).await;
        let body: Value = waiting.await.unwrap().json();
        let details = &body["usage"]["completion_tokens_details"];
        assert_eq!(details.get("reasoning_tokens"), counted.map(Value::from).as_ref(), "{body}");

        let waiting = begin(house.request(Method::POST, "/v1/responses").json(&json!({ "input": "hello" })));
        end(next_job(&mut worker).await, 0, vec![delta("good day", Some(Finish::Stop)), generated_with(counted)]).await;
        let body: Value = waiting.await.unwrap().json();
        assert_eq!(body["usage"]["output_tokens_details"], json!({ "reasoning_tokens": counted }), "{body}");
    }
}

#[tokio::test]
async fn a_stream_tells_why_nothing_comes_and_ends_with_usage_and_done() {
    let (house, mut worker) = open().await;
    let mut request = with("stream", json!(true));
    request["stream_options"] = json!({ "include_usage": true });
    let waiting = begin(house.request(Method::POST, CHAT).json(&request));
    let lease = next_job(&mut worker).await;
    say(&lease, 0, vec![TextEvent::Waiting { reason: "the model is\nbeing loaded: 3 of 5 MiB".to_owned() }]).await;
    say(&lease, 1, vec![delta("good ", None)]).await;
    end(lease, 2, vec![delta("day", Some(Finish::Length)), generated()]).await;
    let stream = waiting.await.unwrap();
    assert_eq!((stream.status, stream.header("content-type")), (StatusCode::OK, "text/event-stream"));
    let (events, comments) = events(&stream.text());
    assert!(comments.iter().any(|comment| comment == "waiting: the model is being loaded: 3 of 5 MiB"), "{comments:?}");
    let deltas: Vec<&Value> = events.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    assert_eq!((deltas[0]["role"].as_str(), deltas[1]["content"].as_str()), (Some("assistant"), Some("good ")));
    assert_eq!(events[3]["choices"][0]["finish_reason"], "length");
    assert_eq!((&events[4]["choices"], &events[4]["usage"]["completion_tokens"]), (&json!([]), &json!(3)));
    assert_eq!((events.len(), &events[5]), (6, &json!("[DONE]")));
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_is_asked() {
    let (house, _) = open().await;
    let cases = [
        (with("temperature", json!(3)), StatusCode::BAD_REQUEST, "invalid_value", "temperature"),
        (with("messages", json!([])), StatusCode::BAD_REQUEST, "invalid_value", "messages"),
        (
            with("messages", json!([{ "role": "user", "content": [{ "type": "video" }] }])),
            StatusCode::BAD_REQUEST,
            "invalid_value",
            "messages[0].content[0].type",
        ),
        (with("tools", json!([{ "type": "function" }])), StatusCode::BAD_REQUEST, "invalid_value", "tools[0].function"),
        (with("model", json!("smoky")), StatusCode::NOT_FOUND, "model_not_found", "model"),
        (with("model", json!("../smoke")), StatusCode::NOT_FOUND, "model_not_found", "model"),
    ];
    for (request, status, code, param) in cases {
        let refused = house.post(CHAT, &request).await;
        let error = error(&refused);
        assert_eq!((refused.status, &error["code"], &error["param"]), (status, &json!(code), &json!(param)), "{error}");
        assert_eq!(refused.header("x-should-retry"), "false");
    }
    let near = error(&house.post(CHAT, &with("model", json!("smoky"))).await);
    assert!(near["message"].as_str().unwrap().contains("did you mean smoke"), "{near}");
    for body in ["", "{", "[]", "5"] {
        let refused = house.post_text(CHAT, body).await;
        assert_eq!(
            (refused.status, &error(&refused)["code"]),
            (StatusCode::BAD_REQUEST, &json!("malformed_request")),
            "{body}"
        );
    }
    house.assert_untouched().await;
}

#[tokio::test]
async fn what_a_worker_refuses_has_its_status_also_where_a_stream_was_asked_for() {
    let (house, mut worker) = open().await;
    let cases = [
        (FailureCode::Rejected, StatusCode::BAD_REQUEST, "false"),
        (FailureCode::Engine, StatusCode::INTERNAL_SERVER_ERROR, "false"),
        (FailureCode::EngineCrashed, StatusCode::SERVICE_UNAVAILABLE, ""),
    ];
    for (code, status, is_final) in cases {
        for is_stream in [false, true] {
            let waiting = begin(house.request(Method::POST, CHAT).json(&with("stream", json!(is_stream))));
            end(next_job(&mut worker).await, 0, vec![failed(code, "no")]).await;
            let refused = waiting.await.unwrap();
            assert_eq!((refused.status, refused.header("x-should-retry")), (status, is_final), "{code:?}");
            assert_eq!(error(&refused)["message"], "no; do this");
            assert_eq!(refused.header("retry-after").is_empty(), !is_final.is_empty());
        }
    }
}

#[tokio::test]
async fn what_goes_wrong_in_the_middle_of_a_stream_is_its_last_event() {
    let (house, mut worker) = open().await;
    let waiting = begin(house.request(Method::POST, CHAT).json(&with("stream", json!(true))));
    let lease = next_job(&mut worker).await;
    say(&lease, 0, vec![delta("good ", None)]).await;
    end(lease, 1, vec![failed(FailureCode::EngineCrashed, "the engine died")]).await;
    let (events, _) = events(&waiting.await.unwrap().text());
    let told = &events[events.len() - 2];
    assert_eq!(
        (&told["error"]["message"], &told["error"]["type"]),
        (&json!("the engine died; do this"), &json!("server_error"))
    );
}

#[tokio::test]
async fn whoever_goes_away_ends_the_answer_at_once() {
    let (house, mut worker) = open().await;
    for is_stream in [false, true] {
        let request = house.request(Method::POST, CHAT).json(&with("stream", json!(is_stream)));
        let waiting = tokio::spawn(async move {
            let mut response = request.send().await.unwrap();
            while response.chunk().await.unwrap().is_some() {}
        });
        let lease = next_job(&mut worker).await;
        say(&lease, 0, vec![delta("good ", None)]).await;
        let left = Instant::now();
        waiting.abort();
        timeout(PATIENCE, lease.cancelled().cancelled()).await.expect("the worker hears of it");
        println!("stream {is_stream}: the worker heard of it after {:?}", left.elapsed());
        assert_eq!(lease.cancel().await.unwrap(), queue::Accepted::Yes);
    }
}

#[tokio::test]
async fn pictures_reach_the_worker_and_leave_no_record() {
    let (house, mut worker) = open().await;
    let bytes = png(32, 32);
    let url = format!("data:image/png;base64,{}", base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &bytes));
    let ask = |url: &str, model: &str| {
        let image = json!({ "type": "image_url", "image_url": { "url": url } });
        json!({ "model": model, "messages": [{ "role": "user", "content": [image, image] }] })
    };
    let waiting = begin(house.request(Method::POST, CHAT).json(&ask(&url, MODEL)));
    let lease = next_job(&mut worker).await;
    let [input] = lease.job.inputs.as_slice() else { panic!("{:?}", lease.job.inputs) };
    let TextRequest::Chat(chat) = &lease.job.request else { panic!("{:?}", lease.job.request) };
    let part = Part::Image { asset: input.id };
    assert_eq!(chat.messages, [Message::User { parts: vec![part.clone(), part] }]);
    assert_eq!(house.store().read(&input.blake3).await.unwrap().to_vec(), bytes);
    answer(lease, "a square").await;
    assert_eq!(waiting.await.unwrap().status, StatusCode::OK);
    assert_eq!(house.get("/api/assets").await.json::<Value>()["data"], json!([]));

    let form = reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::bytes(png(16, 16)));
    let stored: Value = send(house.request(Method::POST, "/api/assets").multipart(form)).await.json();
    let id = stored["file"]["id"].as_str().unwrap();
    let waiting = begin(house.request(Method::POST, CHAT).json(&ask(&format!("asset:{id}"), MODEL)));
    let lease = next_job(&mut worker).await;
    assert_eq!(lease.job.inputs[0].id.to_string(), id);
    answer(lease, "a square").await;
    assert_eq!(waiting.await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn pictures_that_cannot_be_used_are_named_by_their_places_and_nothing_is_stored() {
    let (house, _) = open().await;
    blind(&house);
    let url = format!("data:image/png;base64,{}", base64::Engine::encode(&base64::prelude::BASE64_STANDARD, png(8, 8)));
    let ask = |url: &str, model: &str| {
        let image = json!({ "type": "image_url", "image_url": { "url": url } });
        json!({ "model": model, "messages": [{ "role": "user", "content": [image] }] })
    };
    let missing = format!("asset:{}", contract::AssetId::new());
    let remote = "http://127.0.0.1:1/picture.png";
    for (url, model, words) in [
        (remote, MODEL, "nothing is fetched"),
        ("data:image/png;base64,AAAA", MODEL, ""),
        ("data:image/png,x", MODEL, "data: URL"),
        (missing.as_str(), MODEL, "there is no asset"),
        (url.as_str(), "blind", "does not look at pictures"),
    ] {
        let refused = house.post(CHAT, &ask(url, model)).await;
        let error = error(&refused);
        assert_eq!(
            (refused.status, &error["param"]),
            (StatusCode::BAD_REQUEST, &json!("messages[0].content[0].image_url.url"))
        );
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
    }
    house.assert_untouched().await;
}

/// Adds a model that sees nothing.
fn blind(house: &House) {
    let folder = house.folder.path().join("models/llm");
    std::fs::copy(folder.join("smoke.gguf"), folder.join("blind.gguf")).unwrap();
}

#[tokio::test]
async fn a_server_with_too_many_questions_says_when_to_come_back() {
    let (house, mut worker) = open_with(&[("ATELIER_TEXT_OPEN", "1")]).await;
    let waiting = begin(house.request(Method::POST, CHAT).json(&hello()));
    let lease = next_job(&mut worker).await;
    let refused = house.post(CHAT, &hello()).await;
    assert_eq!((refused.status, &error(&refused)["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("queue_full")));
    assert!(!refused.header("retry-after").is_empty() && refused.header("x-should-retry").is_empty());
    answer(lease, "good day").await;
    assert_eq!(waiting.await.unwrap().status, StatusCode::OK);
    let waiting = begin(house.request(Method::POST, CHAT).json(&hello()));
    answer(next_job(&mut worker).await, "again").await;
    assert_eq!(waiting.await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn a_server_that_stops_says_so_in_the_stream() {
    let (house, mut worker) = open().await;
    let waiting = begin(house.request(Method::POST, CHAT).json(&with("stream", json!(true))));
    let lease = next_job(&mut worker).await;
    say(&lease, 0, vec![delta("good ", None)]).await;
    // The stream has begun once its first words were heard.
    until("a stream", async || (lease.send(&frame(&lease)).await.unwrap() > 0).then_some(())).await;
    house.begin_to_stop();
    let (events, _) = events(&waiting.await.unwrap().text());
    assert!(events.iter().any(|event| event["error"]["code"] == "service_unavailable"), "{events:?}");
}

fn frame(lease: &queue::Lease<contract::text::TextJob>) -> contract::text::TextFrame {
    contract::text::TextFrame { id: lease.job.id, number: 1, events: Vec::new() }
}
