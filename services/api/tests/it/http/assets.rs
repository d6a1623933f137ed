//! Downloads: kept by clients for ever, asked for in parts, shown without danger.

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::asset::Asset;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    house::{Answer, House, next_job, send, succeed},
    picture::{cut, png},
};
use crate::sample::result;

async fn stored(house: &House) -> (String, Asset, Vec<u8>) {
    let bytes = png(400, 200);
    let asset: Asset = house.post("/api/assets", &json!({ "data": STANDARD.encode(&bytes) })).await.json();
    (format!("/api/assets/{}", asset.file.id), asset, bytes)
}

async fn ask(house: &House, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request =
        headers.iter().fold(house.request(method, path), |request, (name, value)| request.header(*name, *value));
    send(request).await
}

#[tokio::test]
async fn a_file_comes_whole_with_a_strong_tag_and_headers_that_disarm_it() {
    let house = House::open().await;
    let (path, asset, bytes) = stored(&house).await;
    let answer = house.get(&path).await;
    assert_eq!((answer.status, &answer.bytes), (StatusCode::OK, &bytes));
    assert_eq!(answer.header("etag"), format!("\"{}\"", asset.file.blake3));
    assert_eq!(answer.header("cache-control"), "private, max-age=31536000, immutable");
    assert_eq!(answer.header("content-type"), "image/png");
    assert_eq!(answer.header("content-length"), bytes.len().to_string());
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert_eq!(answer.header("content-disposition"), format!("inline; filename=\"{}.png\"", asset.file.id));
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(answer.header("content-security-policy").contains("sandbox"));
    let head = ask(&house, Method::HEAD, &path, &[("range", "bytes=0-3")]).await;
    assert_eq!((head.status, head.bytes.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("content-length"), bytes.len().to_string());
    assert_eq!(head.header("etag"), answer.header("etag"));
}

#[tokio::test]
async fn conditions_and_ranges_are_kept() {
    let house = House::open().await;
    let (path, asset, bytes) = stored(&house).await;
    let etag = format!("\"{}\"", asset.file.blake3);
    let total = bytes.len();
    let get = async |headers: &[(&str, &str)]| ask(&house, Method::GET, &path, headers).await;

    let known = get(&[("if-none-match", &etag)]).await;
    assert_eq!((known.status, known.bytes.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(known.header("etag"), etag);
    // The condition comes before the range.
    assert_eq!(get(&[("if-none-match", &etag), ("range", "bytes=0-3")]).await.status, StatusCode::NOT_MODIFIED);
    assert_eq!(get(&[("if-none-match", "\"other\"")]).await.status, StatusCode::OK);

    for (range, from, to) in [("bytes=0-9", 0, 10), ("bytes=10-", 10, total), ("bytes=-5", total - 5, total)] {
        let part = get(&[("range", range)]).await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(part.bytes, bytes[from..to], "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/{total}", to - 1));
        assert_eq!(part.header("content-length"), (to - from).to_string());
    }
    let outside = get(&[("range", &format!("bytes={total}-"))]).await;
    assert_eq!(outside.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(outside.header("content-range"), format!("bytes */{total}"));
    outside.problem();

    assert_eq!(get(&[("range", "bytes=0-3"), ("if-range", &etag)]).await.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(get(&[("range", "bytes=0-3"), ("if-range", "\"old\"")]).await.bytes, bytes);
}

#[tokio::test]
async fn thumbnails_come_in_few_widths_and_have_a_tag_of_their_own() {
    let house = House::open().await;
    let (path, asset, bytes) = stored(&house).await;
    let small = house.get(&format!("{path}?w=160")).await;
    assert_eq!((small.status, small.header("content-type")), (StatusCode::OK, "image/jpeg"));
    assert!(small.bytes.starts_with(&[0xFF, 0xD8]) && small.bytes != bytes);
    let etag = format!("\"{}-w160\"", asset.file.blake3);
    assert_eq!(small.header("etag"), etag);
    let known = ask(&house, Method::GET, &format!("{path}?w=160"), &[("if-none-match", &etag)]).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    for (width, near) in [("161", 160), ("0", 160), ("5000", 1024)] {
        let answer = house.get(&format!("{path}?w={width}")).await;
        let problem: Value = answer.json();
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(problem["fix"], json!([{ "set": { "w": near } }]));
    }
    assert_eq!(house.get(&format!("{path}?w=-1")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(house.get(&format!("{path}?width=160")).await.problem().errors[0].pointer, "width");
}

#[tokio::test]
async fn a_picture_that_breaks_off_has_no_thumbnail() {
    let house = House::open().await;
    // Uploads are looked at to their end; this one comes from a worker.
    let broken = house.store().put("image/png", cut(png(8, 8)).into()).await.unwrap();
    let job = house.submit("x").await;
    succeed(next_job(&mut house.worker().await).await, &result(vec![broken.clone()])).await;
    house.wait_for(&format!("/api/jobs/{}", job.id), "state", "succeeded").await;
    let answer = house.get(&format!("/api/assets/{}?w=160", broken.id)).await;
    assert_eq!((answer.status, answer.problem().errors[0].pointer.as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "w"));
}

#[tokio::test]
async fn a_name_that_is_no_id_leads_to_no_file() {
    let house = House::open().await;
    stored(&house).await;
    for name in ["../atelier.db", "..%2f..%2fatelier.db", "%2e%2e", "C:%5cx", "x%00y", "%ff", &"a".repeat(5000)] {
        let answer = house.get(&format!("/api/assets/{name}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{name}");
        answer.problem();
    }
    let answer = house.get("/api/assets/01890000-0000-7000-8000-000000000000").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_file_whose_bytes_are_gone_is_not_found() {
    let house = House::open().await;
    let (path, ..) = stored(&house).await;
    let outputs = house.folder.path().join("outputs");
    std::fs::remove_dir_all(&outputs).unwrap();
    assert_eq!(house.get(&path).await.status, StatusCode::NOT_FOUND);
}
