//! What pictures say about how they were made.

use assets::{
    metadata::{Text, texts},
    picture::{Pixels, encode, encode_png},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use contract::{
    asset::{Asset, Inspection, Source},
    spec::{JobSpec, Output, output::Format},
};
use reqwest::{
    Method, StatusCode,
    multipart::{Form, Part},
};
use serde_json::json;

use super::{
    house::{House, send},
    picture::{png, png_that_claims},
};

fn spec() -> JobSpec {
    let spec = json!({
        "kind": "text_to_image", "prompt": "a lighthouse", "model": "scripted", "seed": 7, "steps": 4, "sampler": "euler_a",
        "width": 128, "height": 64,
    });
    serde_json::from_value(spec).unwrap()
}

#[tokio::test]
async fn a_picture_of_ours_leads_back_to_its_job_in_every_format_and_nothing_is_stored() {
    let house = House::open().await;
    let pixels = Pixels { width: 8, height: 8, rgb: vec![90; 192] };
    for format in Format::ALL {
        let output = Output { format: *format, ..Output::default() };
        let bytes = encode(&pixels, &output, &texts(&spec(), 7).unwrap()).unwrap();
        let answer = house.post("/api/assets/inspect", &json!({ "data": STANDARD.encode(&bytes) })).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let from_json: Inspection = answer.json();
        assert_eq!((from_json.source, &from_json.spec), (Source::Atelier, &Some(spec())));
        assert!(from_json.notes.is_empty() && from_json.texts["parameters"].starts_with("a lighthouse\nSteps: 4"));

        let form = Form::new().part("file", Part::bytes(bytes).file_name("x.png"));
        let answer = send(house.request(Method::POST, "/api/assets/inspect").multipart(form)).await;
        assert_eq!(answer.json::<Inspection>(), from_json);
    }
    house.assert_untouched().await;
}

#[tokio::test]
async fn a_stored_file_is_read_by_its_id_and_what_is_not_here_is_noted() {
    let house = House::open().await;
    let text = "a castle\nSteps: 20, Sampler: PLMS, Seed: 1, Size: 512x512, Model: scriptet";
    let texts = [Text { keyword: "parameters".to_owned(), text: text.to_owned() }];
    let bytes = encode_png(&[90; 192], 8, 8, &texts).unwrap();
    let asset: Asset = house.post("/api/assets", &json!({ "data": STANDARD.encode(&bytes) })).await.json();
    let read: Inspection = house.post("/api/assets/inspect", &json!({ "asset_id": asset.file.id })).await.json();
    assert_eq!(read.source, Source::A1111);
    let painting = read.spec.as_ref().unwrap().painting().unwrap();
    assert_eq!((&*painting.prompt, &painting.model), ("a castle", &None));
    for words in ["PLMS", "the model scriptet is not here: choose another one, for example scripted"] {
        assert!(read.notes.iter().any(|note| note.contains(words)), "{words}: {:?}", read.notes);
    }
    // What comes back can be submitted as it is.
    let mut spec = serde_json::to_value(read.spec.unwrap()).unwrap();
    spec.as_object_mut().unwrap().remove("kind");
    assert_eq!(house.post("/api/workflows/text_to_image", &spec).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn what_says_nothing_is_read_too_and_what_cannot_be_read_is_refused() {
    let house = House::open().await;
    let silent: Inspection =
        house.post("/api/assets/inspect", &json!({ "data": STANDARD.encode(png(8, 8)) })).await.json();
    assert_eq!((silent.source, silent.spec, silent.texts.len()), (Source::Unknown, None, 0));
    assert_eq!(silent.notes.len(), 1);
    let bomb = STANDARD.encode(png_that_claims(50_000, 50_000));
    let gone = "0198c0de-0000-7000-8000-000000000001";
    for (body, words) in [
        (json!({ "data": STANDARD.encode("GIF89a") }), "a GIF"),
        (json!({ "data": bomb }), "the limit is"),
        (json!({ "data": "!" }), "base64"),
        (json!({ "asset_id": gone }), "there is no file"),
        (json!({}), "either data or asset_id"),
        (json!({ "data": "AAAA", "asset_id": gone }), "either data or asset_id"),
        (json!({ "path": "/etc/passwd" }), "path"),
    ] {
        let answer = house.post("/api/assets/inspect", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let problem = answer.problem();
        assert!(format!("{problem:?}").contains(words), "{words}: {problem:?}");
    }
    house.assert_untouched().await;
}
