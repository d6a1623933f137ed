//! Pictures within a request, as `data:` URLs: stored once everything is right, and nothing before.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::{job::Job, page::Page, spec::JobSpec};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    house::{House, send},
    picture::{png, png_that_claims},
};

const IMAGE_TO_IMAGE: &str = "/api/workflows/image_to_image";
const INPAINT: &str = "/api/workflows/inpaint";

fn url(bytes: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(bytes))
}

async fn upload(house: &House, bytes: &[u8]) -> String {
    let answer = house.post("/api/assets", &json!({ "data": url(bytes) })).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json::<Value>()["file"]["id"].as_str().unwrap().to_owned()
}

async fn assets(house: &House) -> usize {
    house.get("/api/assets").await.json::<Page<Value>>().data.len()
}

#[tokio::test]
async fn a_picture_within_a_request_becomes_an_asset_that_the_job_takes() {
    let house = House::open().await;
    let body = json!({ "prompt": "x", "image": url(&png(64, 48)), "mask": url(&png(64, 48)) });
    let answer = house.post(INPAINT, &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let job: Job = answer.json();
    let JobSpec::Inpaint(spec) = &job.spec else { panic!("{job:?}") };
    // The same bytes are stored once.
    assert_eq!(spec.mask, Some(spec.image));
    assert_eq!(assets(&house).await, 1);
    let stored = house.get(&format!("/api/assets/{}", spec.image)).await;
    assert_eq!((stored.status, stored.bytes), (StatusCode::OK, png(64, 48)));
    let many = json!({ "prompt": "x", "images": [url(&png(16, 16)), spec.image, url(&png(16, 32))] });
    let edit: Job = house.post("/api/workflows/image_edit", &many).await.json();
    assert_eq!(edit.spec.inputs().len(), 3);
    assert_eq!(assets(&house).await, 3);
}

#[tokio::test]
async fn nothing_is_stored_while_anything_else_is_wrong() {
    let house = House::open().await;
    let picture = url(&png(64, 64));
    for (path, body, pointer) in [
        (IMAGE_TO_IMAGE, json!({ "prompt": "x", "image": picture, "strength": 2 }), "/strength"),
        (IMAGE_TO_IMAGE, json!({ "prompt": "x", "image": picture, "loras": [{ "name": "none" }] }), "/loras/0/name"),
        (IMAGE_TO_IMAGE, json!({ "prompt": "x <lora:none:1>", "image": picture }), "/prompt"),
        (IMAGE_TO_IMAGE, json!({ "prompt": "x", "image": "data:image/png,plain" }), "/image"),
        (IMAGE_TO_IMAGE, json!({ "prompt": "x", "image": "data:image/png;base64,%%%" }), "/image"),
        (IMAGE_TO_IMAGE, json!({ "prompt": "x", "image": url(b"no picture") }), "/image"),
        (IMAGE_TO_IMAGE, json!({ "prompt": "x", "image": url(&png_that_claims(60_000, 60_000)) }), "/image"),
        (INPAINT, json!({ "prompt": "x", "image": picture }), "/mask"),
        (INPAINT, json!({ "prompt": "x", "image": picture, "mask": url(&png(64, 48)) }), "/mask"),
        (INPAINT, json!({ "prompt": "x", "image": url(&png(2064, 16)), "extend": { "left": 2048 } }), "/extend"),
        ("/api/workflows/image_edit", json!({ "prompt": "x", "images": [picture, "data:x"] }), "/images/1"),
        ("/api/workflows/upscale", json!({ "image": picture, "upscaler": "none" }), "/upscaler"),
        ("/api/workflows/contact_sheet", json!({ "columns": 1, "cells": [null, "data:x"] }), "/cells/1"),
    ] {
        let answer = house.post(path, &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{pointer}: {}", answer.text());
        let problem = answer.problem();
        assert_eq!(problem.errors[0].pointer, pointer, "{problem:?}");
        assert_eq!(problem.errors.len(), 1, "{problem:?}");
    }
    house.assert_untouched().await;
}

#[tokio::test]
async fn a_request_with_a_picture_may_be_repeated() {
    let house = House::open().await;
    let body = json!({ "prompt": "x", "image": url(&png(64, 64)) });
    let post =
        |body: &Value| send(house.request(Method::POST, IMAGE_TO_IMAGE).header("idempotency-key", "k").json(body));
    let (first, again) = (post(&body).await.json::<Job>(), post(&body).await.json::<Job>());
    assert_eq!(first.id, again.id);
    assert_eq!(assets(&house).await, 1);
    let other = post(&json!({ "prompt": "x", "image": url(&png(64, 80)) })).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(assets(&house).await, 1);
}

#[tokio::test]
async fn a_request_with_pictures_may_be_as_large_as_an_upload() {
    let house = House::open().await;
    // Noise in a form that is not compressed: larger than any body without pictures.
    let mut large = png(16, 16);
    let end = large.len() - 12;
    let filling = vec![b'x'; 1_500_000];
    let chunk = [&(filling.len() as u32).to_be_bytes()[..], b"tEXt", &filling, &[0; 4]].concat();
    large.splice(end..end, chunk);
    let answer = house.post(IMAGE_TO_IMAGE, &json!({ "prompt": "x", "image": url(&large) })).await;
    assert_ne!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", answer.text());
}

#[tokio::test]
async fn sizes_that_nothing_could_paint_are_refused_with_those_that_fit() {
    let house = House::open().await;
    let body = json!({ "prompt": "x", "width": 2048, "hires": { "scale": 3 } });
    let problem = house.post("/api/workflows/text_to_image", &body).await.problem();
    assert_eq!(problem.errors[0].pointer, "/hires/scale");
    assert_eq!(problem.fix[0].set["hires"]["scale"], 2.0);
    let wide = upload(&house, &png(4112, 16)).await;
    let problem = house.post(IMAGE_TO_IMAGE, &json!({ "prompt": "x", "image": wide })).await.problem();
    assert_eq!(problem.errors[0].pointer, "/width");
    let large = upload(&house, &png(1600, 1600)).await;
    let problem = house.post("/api/workflows/upscale", &json!({ "image": large, "factor": 8 })).await.problem();
    assert_eq!((problem.errors[0].pointer.as_str(), &problem.fix[0].set["factor"]), ("/factor", &json!(5.0)));
    let jobs: Page<Value> = house.get("/api/jobs").await.json();
    assert!(jobs.data.is_empty());
}

#[tokio::test]
async fn names_are_resolved_and_wrong_ones_come_with_those_that_were_meant() {
    let house = House::open().await;
    testkit::tiny_models::write_sd(&house.folder.path().join("models")).unwrap();
    let good = json!({
        "prompt": "x <lora:tiny-lora:0.5>",
        "loras": [{ "name": "tiny-lora" }],
        "hires": { "upscaler": "tiny-esrgan-x2" },
    });
    let path = "/api/workflows/text_to_image";
    let answer = house.post(path, &good).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let bad = json!({
        "prompt": "x <lora:tiny-lore:0.5> <lora:a:much> <lora:tiny-lora:11>",
        "loras": [{ "name": "tiny-lora" }, { "name": "tinylora", "weight": 2 }],
        "hires": { "upscaler": "tiny-esrgan" },
    });
    let problem = house.post(path, &bad).await.problem();
    let pointers: Vec<&str> = problem.errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(pointers, ["/loras/1/name", "/prompt", "/prompt", "/prompt", "/hires/upscaler"]);
    assert!(problem.errors[0].detail.contains("did you mean tiny-lora?"), "{problem:?}");
    assert_eq!(
        problem.fix[0].set["loras"],
        json!([{ "name": "tiny-lora", "weight": 1.0 }, { "name": "tiny-lora", "weight": 2.0 }])
    );
    assert!(problem.fix[1].set["prompt"].as_str().unwrap().starts_with("x <lora:tiny-lora:0.5>"), "{problem:?}");
    assert!(problem.fix[2].set["hires"]["upscaler"].as_str().unwrap().starts_with("tiny-esrgan-x"));
}
