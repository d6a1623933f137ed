//! `POST /api/prompt/fields`: the fields of a job, set as somebody says it.

use contract::text::{
    AnswerFormat, TextJob, TextRequest,
    chat::{Message, Part},
};
use queue::Lease;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::house::{answer, begin, next_job, open};

const FIELDS: &str = "/api/prompt/fields";

/// Returns the schema of an answer, and the last words that the model was given.
fn given(lease: &Lease<TextJob>) -> (Value, String) {
    let TextRequest::Chat(chat) = &lease.job.request else { panic!("{:?}", lease.job.request) };
    let AnswerFormat::JsonSchema { schema } = &chat.sampling.format else { panic!("{:?}", chat.sampling.format) };
    let Some(Message::User { parts }) = chat.messages.last() else { panic!("{:?}", chat.messages) };
    let [Part::Text { text }] = parts.as_slice() else { panic!("{parts:?}") };
    (schema.clone(), text.clone())
}

fn changes(changes: &Value) -> String {
    json!({ "changes": changes, "explanation": "It is wider." }).to_string()
}

#[tokio::test]
async fn only_what_changes_comes_back_and_a_job_takes_it() {
    let (house, mut worker) = open().await;
    let form = json!({ "prompt": "a fox", "width": 512, "steps": 20 });
    let body = json!({ "kind": "text_to_image", "fields": form, "instruction": "wider and better" });
    let waiting = begin(house.request(Method::POST, FIELDS).json(&body));
    let lease = next_job(&mut worker).await;
    let (schema, words) = given(&lease);
    let fields = &schema["properties"]["changes"]["properties"];
    assert_eq!((&fields["width"]["multipleOf"], &fields["steps"]["maximum"]), (&json!(16), &json!(150)));
    let words: Value = serde_json::from_str(&words).unwrap();
    assert_eq!((&words["wish"], &words["fields"]["prompt"]), (&json!("wider and better"), &json!("a fox")));
    // What the person has not set is what a job has by itself.
    assert_eq!(words["fields"]["height"], 512);
    answer(lease, &changes(&json!({ "width": 768, "steps": 30, "height": 512, "prompt": "a fox" }))).await;
    let changed: Value = waiting.await.unwrap().json();
    assert_eq!(changed["changes"], json!({ "width": 768, "steps": 30 }), "{changed}");
    assert_eq!(changed["explanation"], "It is wider.");
    house.assert_untouched().await;

    let mut job = form;
    job.as_object_mut().unwrap().extend(changed["changes"].as_object().unwrap().clone());
    assert_eq!(house.post("/api/workflows/text_to_image", &job).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn what_no_job_would_take_the_model_is_told_and_mends() {
    let (house, mut worker) = open().await;
    let body = json!({ "kind": "text_to_image", "instruction": "wider, with a second pass" });
    let waiting = begin(house.request(Method::POST, FIELDS).json(&body));
    answer(next_job(&mut worker).await, &changes(&json!({ "width": 1000 }))).await;
    let lease = next_job(&mut worker).await;
    let (_, told) = given(&lease);
    assert!(told.contains("/changes/width") && told.contains("multiple of 16"), "{told}");
    // Only the whole says how large a picture becomes: every field alone is within its bounds.
    answer(lease, &changes(&json!({ "width": 4096, "height": 4096, "hires": { "scale": 4.0 } }))).await;
    let lease = next_job(&mut worker).await;
    let (_, told) = given(&lease);
    assert!(told.contains("16384"), "{told}");
    answer(lease, &changes(&json!({ "width": 1008 }))).await;
    let changed: Value = waiting.await.unwrap().json();
    assert_eq!((&changed["changes"], &changed["usage"]["prompt_tokens"]), (&json!({ "width": 1008 }), &json!(12)));
}

#[tokio::test]
async fn a_form_that_is_wrong_already_is_refused_with_its_field_and_asks_nobody() {
    let (house, _) = open().await;
    for (kind, fields, pointer) in [
        ("text_to_image", json!({ "steps": 1000 }), "/fields/steps"),
        ("text_to_image", json!({ "prompt": " " }), "/fields/prompt"),
        ("text_to_image", json!({ "model": "none" }), "/fields/model"),
        ("text_to_image", json!({ "wide": true }), "/fields/wide"),
        ("image_to_image", json!({ "image": contract::AssetId::new() }), "/fields/image"),
        ("image_to_image", json!({ "strength": 2 }), "/fields/strength"),
    ] {
        let body = json!({ "kind": kind, "fields": fields, "instruction": "wider" });
        let problem = house.post(FIELDS, &body).await.problem();
        assert_eq!((problem.status, problem.errors[0].pointer.as_str()), (422, pointer), "{body}");
    }
    house.assert_untouched().await;
}

#[tokio::test]
async fn what_nobody_has_set_yet_is_not_wrong_and_pictures_are_not_the_models_to_choose() {
    let (house, mut worker) = open().await;
    let body = json!({ "kind": "image_to_image", "instruction": "keep more of the picture" });
    let waiting = begin(house.request(Method::POST, FIELDS).json(&body));
    let lease = next_job(&mut worker).await;
    let (schema, _) = given(&lease);
    assert!(schema["properties"]["changes"]["properties"].get("image").is_none());
    answer(lease, &changes(&json!({ "strength": 0.4 }))).await;
    assert_eq!(waiting.await.unwrap().json::<Value>()["changes"], json!({ "strength": 0.4 }));
}

#[tokio::test]
async fn a_wish_that_no_field_fulfils_changes_nothing_and_says_so() {
    let (house, mut worker) = open().await;
    let body = json!({ "kind": "text_to_image", "instruction": "sing a song" });
    let waiting = begin(house.request(Method::POST, FIELDS).json(&body));
    let said = json!({ "changes": {}, "explanation": "No field sings." });
    answer(next_job(&mut worker).await, &said.to_string()).await;
    let changed: Value = waiting.await.unwrap().json();
    assert_eq!((&changed["changes"], &changed["explanation"]), (&said["changes"], &said["explanation"]));
}
