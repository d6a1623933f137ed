//! Uploads: what they are is decided by their bytes, and what is no picture is not stored.

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{asset::Asset, problem::ProblemCode};
use reqwest::{
    Method, StatusCode,
    multipart::{Form, Part},
};
use serde_json::json;

use super::{
    house::{Answer, House, send},
    picture::{cut, jpeg, png, png_that_claims},
};

async fn upload(house: &House, field: &str, bytes: Vec<u8>) -> Answer {
    let form = Form::new().part(field.to_owned(), Part::bytes(bytes).file_name("../../evil.html"));
    send(house.request(Method::POST, "/api/assets").multipart(form)).await
}

#[tokio::test]
async fn a_picture_is_stored_alike_by_form_by_base64_and_by_data_url() {
    let house = House::open().await;
    let bytes = png(32, 16);
    let base64 = STANDARD.encode(&bytes);
    let answers = [
        upload(&house, "file", bytes.clone()).await,
        house.post("/api/assets", &json!({ "data": base64 })).await,
        house.post("/api/assets", &json!({ "data": base64.trim_end_matches('=') })).await,
        house.post("/api/assets", &json!({ "data": format!("data:text/html;base64,{base64}") })).await,
    ];
    for answer in answers {
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        let asset: Asset = answer.json();
        assert_eq!(
            (asset.file.media_type.as_str(), asset.file.width, asset.file.height),
            ("image/png", Some(32), Some(16))
        );
        assert_eq!(answer.header("location"), format!("/api/assets/{}", asset.file.id));
        assert_eq!(house.get(answer.header("location")).await.bytes, bytes);
    }
}

#[tokio::test]
async fn what_is_no_picture_is_refused_and_not_stored() {
    let house = House::open().await;
    let svg = br#"<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>"#.to_vec();
    let mut pickle_named_png = png(8, 8);
    pickle_named_png[..8].copy_from_slice(b"PK\x03\x04\x14\0\0\0");
    for bytes in [
        Vec::new(),
        b"hello".to_vec(),
        svg,
        b"<html><script>alert(1)</script>".to_vec(),
        b"\x89PNG\r\n\x1a\n".to_vec(),
        pickle_named_png,
        png_that_claims(50_000, 50_000),
        png_that_claims(0, 8),
        png_that_claims(u32::MAX, u32::MAX),
        cut(png(64, 64)),
        cut(jpeg(64, 64)),
    ] {
        let beginning = bytes[..bytes.len().min(12)].to_vec();
        let answer = upload(&house, "file", bytes.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{beginning:?}: {}", answer.text());
        assert_eq!(answer.problem().code, ProblemCode::InvalidField);
        if !bytes.is_empty() {
            let answer = house.post("/api/assets", &json!({ "data": STANDARD.encode(&bytes) })).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{beginning:?}");
        }
    }
    house.assert_untouched().await;
}

#[tokio::test]
async fn what_is_broken_about_a_picture_is_said() {
    let house = House::open().await;
    for (bytes, said) in
        [(cut(jpeg(64, 64)), "this JPEG is broken: it is cut off"), (cut(png(64, 64)), "cannot be decoded: ")]
    {
        let problem = upload(&house, "file", bytes).await.problem();
        assert!(problem.errors[0].detail.contains(said), "{problem:?}");
    }
    assert_eq!(upload(&house, "file", jpeg(64, 64)).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_form_that_is_not_one_file_is_refused() {
    let house = House::open().await;
    let status = async |request: reqwest::RequestBuilder| {
        let answer = send(request).await;
        answer.problem();
        answer.status.as_u16()
    };
    let post = || house.request(Method::POST, "/api/assets");
    assert_eq!(upload(&house, "picture", png(8, 8)).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(status(post().multipart(Form::new().text("file", ""))).await, 422);
    let two = Form::new().part("file", Part::bytes(png(8, 8))).part("file", Part::bytes(png(8, 8)));
    assert_eq!(status(post().multipart(two)).await, 422);
    assert_eq!(status(post().body("x").header("content-type", "multipart/form-data")).await, 400);
    assert_eq!(status(post().body("x").header("content-type", "multipart/form-data; boundary=a")).await, 400);
    assert_eq!(status(post().body("--a\r\n").header("content-type", "multipart/form-data; boundary=a")).await, 400);
    assert_eq!(status(post().body(png(8, 8)).header("content-type", "image/png")).await, 415);
    assert_eq!(status(post().body(png(8, 8))).await, 415);
    for data in ["", "!!!", "data:image/png,abc", "data:image/png;base64,%%%"] {
        assert_eq!(status(post().json(&json!({ "data": data }))).await, 422, "{data}");
    }
    house.assert_untouched().await;
}

#[tokio::test]
async fn an_upload_beyond_the_limit_is_refused() {
    let house = House::open_with(&[("ATELIER_MAX_UPLOAD_BYTES", "4096"), ("ATELIER_MAX_PICTURE_PIXELS", "4096")]).await;
    assert_eq!(upload(&house, "file", vec![0; 4097]).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(upload(&house, "file", vec![0; 400_000]).await.problem().code, ProblemCode::TooLarge);
    let answer = send(house.request(Method::POST, "/api/jobs/retry").json(&"x".repeat(4 << 20))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.headers["connection"], "close", "the rest of the body is not read, and the client must know");
    let answer = send(house.request(Method::POST, "/api/jobs/retry").json(&1)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!answer.headers.contains_key("connection"), "{:?}", answer.headers);
    let answer = house.post("/api/assets", &json!({ "data": STANDARD.encode(vec![0; 8192]) })).await;
    assert_eq!(answer.problem().code, ProblemCode::TooLarge);
    let answer = upload(&house, "file", png(65, 64)).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.problem().detail.contains("4096"), "{}", answer.text());
    house.assert_untouched().await;
    assert_eq!(upload(&house, "file", png(64, 64)).await.status, StatusCode::CREATED);
}
