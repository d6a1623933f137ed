//! The door for programs that speak to OpenAI: shapes, errors, repetitions, and clients that go away.

use assets::picture::{Limits, decode};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use contract::{
    job::{JobState, Priority},
    spec::JobSpec,
};
use queue::{Accepted, Lease, Outcome};
use reqwest::{Method, RequestBuilder, StatusCode, multipart};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{
    house::{Answer, House, next_job, send, succeed},
    picture::png,
};
use crate::sample::{failure, result};
use crate::wait::until;

const GENERATIONS: &str = "/v1/images/generations";

/// Sends a request whose answer comes later.
fn begin(request: RequestBuilder) -> JoinHandle<Answer> {
    tokio::spawn(send(request))
}

/// Ends a job with a picture; returns its bytes.
async fn make(house: &House, lease: Lease, side: u32) -> Vec<u8> {
    let bytes = png(side, side);
    let file = house.store().put("image/png", Bytes::from(bytes.clone())).await.unwrap();
    succeed(lease, &result(vec![file])).await;
    bytes
}

fn error(answer: &Answer) -> Value {
    let body: Value = answer.json();
    let error = body["error"].as_object().unwrap_or_else(|| panic!("no error: {body}"));
    let keys: Vec<&str> = error.keys().map(String::as_str).collect();
    assert_eq!(keys.len(), 4, "{body}");
    assert!(["message", "type", "param", "code"].iter().all(|key| keys.contains(key)), "{body}");
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(!answer.header("x-request-id").is_empty());
    body["error"].clone()
}

async fn states(house: &House) -> Vec<String> {
    let page: Value = house.get("/api/jobs").await.json();
    let jobs = page["data"].as_array().unwrap().iter();
    jobs.map(|job| job["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_generation_is_the_same_job_as_any_other_and_its_pictures_come_back() {
    let house = House::open().await;
    let mut worker = house.worker().await;
    let asked = json!({
        "prompt": "a lighthouse", "n": 2, "size": "128x64", "model": "scripted", "quality": "high", "user": "me",
        "negative_prompt": "people", "seed": 7, "steps": 5, "cfg_scale": 2, "sampler": "DPM++ 2M", "whatever": {},
    });
    for path in [GENERATIONS, "/images/generations"] {
        // Some clients say nothing about the content.
        let answer = begin(house.request(Method::POST, path).body(asked.to_string()));
        let lease = next_job(&mut worker).await;
        let JobSpec::TextToImage(spec) = &lease.job.spec else { panic!("{:?}", lease.job.spec) };
        let painting = &spec.painting;
        assert_eq!((spec.width, spec.height, painting.batch_count, painting.seed), (128, 64, 2, Some(7)));
        assert_eq!((painting.steps, painting.negative_prompt.as_str()), (5, "people"));
        let id = lease.job.id;
        let bytes = make(&house, lease, 64).await;
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let body: Value = answer.json();
        assert_eq!(body["data"], json!([{ "b64_json": BASE64_STANDARD.encode(bytes) }]));
        assert!(body["created"].as_i64().is_some() && body["usage"]["total_tokens"] == 0);
        assert_eq!((&body["output_format"], &body["quality"]), (&json!("png"), &json!("high")));
        let job: contract::job::Job = house.get(&format!("/api/jobs/{id}")).await.json();
        assert_eq!((job.priority, job.state), (Priority::Interactive, JobState::Succeeded));
    }
}

#[tokio::test]
async fn models_are_listed_and_found() {
    let house = House::open().await;
    for prefix in ["/v1", ""] {
        let list: Value = house.get(&format!("{prefix}/models")).await.json();
        assert_eq!((&list["object"], &list["data"][0]["id"]), (&json!("list"), &json!("scripted")));
        let model: Value = house.get(&format!("{prefix}/models/scripted")).await.json();
        assert_eq!((&model["id"], &model["object"]), (&json!("scripted"), &json!("model")));
        let none = house.get(&format!("{prefix}/models/some/thing")).await;
        assert_eq!((none.status, &error(&none)["code"]), (StatusCode::NOT_FOUND, &json!("model_not_found")));
    }
}

#[tokio::test]
async fn every_failure_has_the_four_words_of_openai_and_stores_nothing() {
    let house = House::open_with(&[("ATELIER_MAX_UPLOAD_BYTES", "2048")]).await;
    let big = json!({ "prompt": "x".repeat(2 << 20) });
    let cases = [
        (json!({}), StatusCode::BAD_REQUEST, "invalid_value", json!("prompt")),
        (json!({ "prompt": " " }), StatusCode::BAD_REQUEST, "invalid_value", json!("prompt")),
        (json!({ "prompt": "x", "n": 11 }), StatusCode::BAD_REQUEST, "invalid_value", json!("n")),
        (json!({ "prompt": "x", "size": "100" }), StatusCode::BAD_REQUEST, "invalid_value", json!("size")),
        (json!({ "prompt": "x", "steps": 1000 }), StatusCode::BAD_REQUEST, "invalid_value", json!("steps")),
        (json!({ "prompt": "x", "sampler": "none" }), StatusCode::BAD_REQUEST, "invalid_value", json!("sampler")),
        (
            json!({ "prompt": "x", "partial_images": 4 }),
            StatusCode::BAD_REQUEST,
            "invalid_value",
            json!("partial_images"),
        ),
        (json!([]), StatusCode::BAD_REQUEST, "malformed_request", Value::Null),
        (big, StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", Value::Null),
    ];
    for (body, status, code, param) in cases {
        let answer = house.post(GENERATIONS, &body).await;
        let error = error(&answer);
        assert_eq!((answer.status, &error["code"], &error["param"]), (status, &json!(code), &param), "{error}");
        assert_eq!(answer.header("x-should-retry"), "false");
    }
    let answer = house.get("/v1/nothing").await;
    assert_eq!((answer.status, &error(&answer)["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    let answer = house.get(GENERATIONS).await;
    assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    error(&answer);
    let form = multipart::Form::new().text("prompt", "x").part("image", multipart::Part::bytes(vec![1; 100]));
    let answer = send(house.request(Method::POST, "/v1/images/edits").multipart(form)).await;
    assert_eq!((answer.status, &error(&answer)["param"]), (StatusCode::BAD_REQUEST, &json!("image")));
    house.assert_untouched().await;
}

#[tokio::test]
async fn strangers_and_a_full_queue_are_told_in_the_same_words() {
    let house = House::open_with(&[("ATELIER_API_KEY", "a-key-from-the-settings-of-this-test")]).await;
    for path in ["/v1/models", GENERATIONS, "/v1/nothing", "/models", "/images/edits"] {
        let answer = house.post(path, &json!({})).await;
        assert_eq!((answer.status, &error(&answer)["code"]), (StatusCode::UNAUTHORIZED, &json!("invalid_api_key")));
    }
    let question = send(house.request(Method::OPTIONS, GENERATIONS)).await;
    assert_eq!((question.status, question.header("allow")), (StatusCode::NO_CONTENT, "POST"));

    let house = House::open_with(&[("ATELIER_QUEUE_LIMIT", "1")]).await;
    house.submit("first").await;
    let answer = house.post(GENERATIONS, &json!({ "prompt": "second" })).await;
    assert_eq!((answer.status, &error(&answer)["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("queue_full")));
    assert!(!answer.header("retry-after").is_empty() && answer.header("x-should-retry").is_empty());
}

#[tokio::test]
async fn a_full_queue_keeps_no_pictures_of_those_whom_it_turns_away() {
    let house = House::open_with(&[("ATELIER_QUEUE_LIMIT", "1")]).await;
    house.submit("first").await;
    let picture = BASE64_STANDARD.encode(png(64, 64));
    for (path, body) in [
        ("/v1/images/edits", json!({ "prompt": "x", "image": picture })),
        ("/v1/images/edits", json!({ "prompt": "x", "images": [picture, picture] })),
        ("/v1/images/variations", json!({ "image": picture })),
        ("/sdapi/v1/img2img", json!({ "prompt": "x", "init_images": [picture], "width": 64, "height": 64 })),
        ("/sdapi/v1/extra-single-image", json!({ "image": picture })),
    ] {
        let answer = house.post(path, &body).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{path}: {}", answer.text());
    }
    house.assert_nothing_stored().await;
}

#[tokio::test]
async fn a_job_that_goes_wrong_is_told_once_and_not_to_be_repeated() {
    let house = House::open_with(&[("ATELIER_MAX_ATTEMPTS", "1")]).await;
    let mut worker = house.worker().await;
    let answer = begin(house.request(Method::POST, GENERATIONS).json(&json!({ "prompt": "x" })));
    let failed = next_job(&mut worker).await.fail(Outcome::Failed, &failure("the engine said no")).await.unwrap();
    assert_eq!(failed, Accepted::Yes);
    let answer = answer.await.unwrap();
    assert_eq!((answer.status, answer.header("x-should-retry")), (StatusCode::INTERNAL_SERVER_ERROR, "false"));
    assert_eq!(error(&answer)["message"], "the engine said no");
}

#[tokio::test]
async fn who_goes_away_leaves_no_job_behind() {
    let house = House::open().await;
    let request = house.request(Method::POST, GENERATIONS).json(&json!({ "prompt": "left" }));
    let answer = begin(request);
    until("a job", async || (states(&house).await == ["queued"]).then_some(())).await;
    answer.abort();
    until("its end", async || (states(&house).await == ["cancelled"]).then_some(())).await;
}

#[tokio::test]
async fn a_repetition_joins_the_job_of_the_request_before_it() {
    let house = House::open().await;
    let mut worker = house.worker().await;
    let ask = |tries: u32, prompt: &str| {
        let body = json!({ "prompt": prompt });
        house.request(Method::POST, GENERATIONS).header("x-stainless-retry-count", tries).json(&body)
    };
    let first = begin(ask(0, "one"));
    let lease = next_job(&mut worker).await;
    first.abort();
    let again = begin(ask(1, "one"));
    let other = begin(ask(1, "two"));
    let second = next_job(&mut worker).await;
    assert_ne!(second.job.id, lease.job.id);
    let (of_first, of_second) = (make(&house, lease, 32).await, make(&house, second, 16).await);
    let encoded = |answer: &Answer| answer.json::<Value>()["data"][0]["b64_json"].clone();
    assert_eq!(encoded(&again.await.unwrap()), BASE64_STANDARD.encode(of_first));
    assert_eq!(encoded(&other.await.unwrap()), BASE64_STANDARD.encode(of_second));
    assert_eq!(states(&house).await, ["succeeded", "succeeded"]);
}

#[tokio::test]
async fn a_stream_has_named_events_and_ends_with_the_picture() {
    let house = House::open().await;
    let mut worker = house.worker().await;
    let body = json!({ "prompt": "x", "stream": true, "partial_images": 1, "steps": 4 });
    let answer = begin(house.request(Method::POST, GENERATIONS).json(&body));
    let lease = next_job(&mut worker).await;
    let bytes = make(&house, lease, 32).await;
    let answer = answer.await.unwrap();
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let text = answer.text();
    let (_, data) = text.split_once("event: image_generation.completed\ndata: ").unwrap_or_else(|| panic!("{text}"));
    let data: Value = serde_json::from_str(data.trim()).unwrap();
    assert_eq!(data["b64_json"], BASE64_STANDARD.encode(bytes));
    assert_eq!((&data["type"], &data["size"]), (&json!("image_generation.completed"), &json!("32x32")));
    assert!(data["usage"]["total_tokens"].is_number());
}

#[tokio::test]
async fn a_link_opens_without_a_key_until_it_is_touched() {
    let key = "a-key-from-the-settings-of-this-test";
    let house = House::open_with(&[("ATELIER_API_KEY", key)]).await;
    let mut worker = house.worker().await;
    let body = json!({ "prompt": "x", "response_format": "url" });
    let answer = begin(house.request(Method::POST, GENERATIONS).bearer_auth(key).json(&body));
    let lease = next_job(&mut worker).await;
    let bytes = make(&house, lease, 32).await;
    let body: Value = answer.await.unwrap().json();
    let url = body["data"][0]["url"].as_str().unwrap();
    let path = url.strip_prefix(&format!("http://{}", house.address)).unwrap_or_else(|| panic!("{url}"));
    let picture = house.get(path).await;
    assert_eq!((picture.status, picture.bytes), (StatusCode::OK, bytes));
    for wrong in
        [path.replace("expires=", "expires=9"), path.replace("signature=", "signature=0"), "/links/x".to_owned()]
    {
        let status = house.get(&wrong).await.status;
        assert!(status.is_client_error(), "{wrong}: {status}");
    }
}

#[tokio::test]
async fn an_edit_takes_its_pictures_from_a_form() {
    let house = House::open().await;
    let mut worker = house.worker().await;
    let part = |bytes: Vec<u8>| multipart::Part::bytes(bytes).file_name("in.png").mime_str("image/png").unwrap();
    let form = multipart::Form::new()
        .part("image[]", part(png(64, 64)))
        .part("prompt", multipart::Part::text("brighter").mime_str("text/plain").unwrap())
        .text("n", "1")
        .text("strength", "0.4");
    let answer = begin(house.request(Method::POST, "/v1/images/edits").multipart(form));
    let lease = next_job(&mut worker).await;
    let JobSpec::ImageToImage(spec) = &lease.job.spec else { panic!("{:?}", lease.job.spec) };
    assert_eq!((spec.strength, lease.job.inputs.len(), lease.job.inputs[0].id), (0.4, 1, spec.image));
    make(&house, lease, 64).await;
    assert_eq!(answer.await.unwrap().status, StatusCode::OK);
}

#[tokio::test]
async fn of_a_mask_the_transparent_places_are_painted_anew() {
    let house = House::open().await;
    let mut worker = house.worker().await;
    let part = |bytes: Vec<u8>| multipart::Part::bytes(bytes).file_name("in.png").mime_str("image/png").unwrap();
    let ask = |mask: Vec<u8>| {
        let form = multipart::Form::new().part("image", part(png(64, 64))).part("mask", part(mask)).text("prompt", "x");
        house.request(Method::POST, "/v1/images/edits").multipart(form)
    };
    let answer = begin(ask(with_a_hole(64)));
    let lease = next_job(&mut worker).await;
    let JobSpec::Inpaint(spec) = &lease.job.spec else { panic!("{:?}", lease.job.spec) };
    assert_eq!(spec.mask, Some(lease.job.inputs[1].id));
    let mask = house.store().read(&lease.job.inputs[1].blake3).await.unwrap();
    let mask = decode(&mask, &Limits::default()).unwrap();
    assert_eq!((mask.pixels.rgb[0], mask.pixels.rgb[63 * 3], mask.alpha), (0, 255, None));
    make(&house, lease, 64).await;
    assert_eq!(answer.await.unwrap().status, StatusCode::OK);
    let opaque = send(ask(png(64, 64))).await;
    assert_eq!((opaque.status, &error(&opaque)["param"]), (StatusCode::BAD_REQUEST, &json!("mask")));
}

/// Returns a grey picture whose right half is transparent.
fn with_a_hole(side: u32) -> Vec<u8> {
    let half = |x: u32, _| image::Rgba([90, 90, 90, if x < side / 2 { 255 } else { 0 }]);
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbaImage::from_fn(side, side, half).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
