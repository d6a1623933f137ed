//! Files: up, down, in parts, and small.

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{asset::Asset, page::Page};
use reqwest::{Method, StatusCode, multipart};
use serde_json::json;
use tests::{client, plan::Plan};

use crate::pictures::png_of;

#[tokio::test]
async fn a_picture_goes_up_by_form_and_by_json_and_comes_down_whole_in_parts_and_small() {
    let system = Plan::new().workers(0).start().await.unwrap();
    let client = system.client();
    let png = png_of(400);
    let form = multipart::Form::new().part("file", multipart::Part::bytes(png.clone()).file_name("a.png"));
    let answer = client.request(Method::POST, "/api/assets").unwrap().multipart(form).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    let asset: Asset = client::read(answer).await.unwrap();
    assert_eq!(asset.file.blake3, blake3::hash(&png).to_hex().as_str());
    let again = client.post("/api/assets", &json!({"data": STANDARD.encode(&png)})).await.unwrap();
    assert_eq!(again.status(), StatusCode::CREATED);
    let listed: Page<Asset> = client.get_json("/api/assets").await.unwrap();
    assert_eq!(listed.data.len(), 2, "two assets may hold the same bytes");

    let path = format!("/api/assets/{}", asset.file.id);
    let whole = client.get(&path).await.unwrap();
    let etag = whole.headers()["etag"].to_str().unwrap().to_owned();
    assert!(etag.contains(&asset.file.blake3) && !etag.starts_with("W/"), "{etag}");
    assert_eq!(whole.bytes().await.unwrap(), png);
    let get = || client.request(Method::GET, &path).unwrap();
    let part = get().header("Range", "bytes=10-19").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), png[10..20]);
    let known = get().header("If-None-Match", &etag).send().await.unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let beyond = get().header("Range", "bytes=99999999-").send().await.unwrap();
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let head = client.request(Method::HEAD, &path).unwrap().send().await.unwrap();
    assert_eq!(head.headers()["content-length"].to_str().unwrap(), png.len().to_string());
    let small = client.get(&format!("{path}?w=160")).await.unwrap();
    assert_eq!(small.status(), StatusCode::OK);
    assert!(small.bytes().await.unwrap().starts_with(&[0xff, 0xd8]), "a thumbnail is a JPEG");
}
