//! Every kind of picture and every parameter, through the front door and by the real engine with the tiny model.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract::{
    AssetId,
    asset::Asset,
    job::{Job, JobState},
    page::Page,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{
    client::{self, Client},
    plan::{Engine, Plan},
    system::System,
};

use crate::pictures::{Decoded, decode, png_from};

async fn start() -> System {
    Plan::new().engine(Engine::StableDiffusion).start().await.expect("a system")
}

/// What every painted kind is asked for, with what this one is asked for beside.
#[allow(clippy::needless_pass_by_value, reason = "calls read better")]
fn painted(fields: Value) -> Value {
    let mut spec = json!({ "prompt": "a lake", "model": "smoke", "seed": 7, "steps": 4, "cfg_scale": 1.0 });
    for (name, value) in fields.as_object().expect("fields") {
        spec[name] = value.clone();
    }
    spec
}

/// Makes something and waits for it within the request.
async fn make(client: &Client, kind: &str, spec: &Value) -> Job {
    let request = client.request(Method::POST, &format!("/api/workflows/{kind}")).unwrap();
    let answer = request.header("Prefer", "wait=60").json(spec).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{kind} {spec}: {}", answer.text().await.unwrap());
    let job: Job = client::read(answer).await.unwrap();
    assert_eq!(job.state, JobState::Succeeded, "{kind} {spec}: {:?}", job.failure);
    job
}

async fn file(client: &Client, job: &Job) -> Vec<u8> {
    let asset = &job.result.as_ref().expect("a result").assets[0];
    client.get(&format!("/api/assets/{}", asset.id)).await.unwrap().bytes().await.unwrap().to_vec()
}

async fn made(client: &Client, kind: &str, spec: &Value) -> Decoded {
    decode(&file(client, &make(client, kind, spec).await).await)
}

async fn upload(client: &Client, png: &[u8]) -> AssetId {
    let answer = client.post("/api/assets", &json!({ "data": STANDARD.encode(png) })).await.unwrap();
    client::read::<Asset>(answer).await.unwrap().file.id
}

/// A picture without two pixels alike, of a size that no engine paints.
fn uneven() -> Vec<u8> {
    png_from(90, 74, |x, y| [(x * 2) as u8, (y * 3) as u8, (x + y) as u8])
}

/// White where this says so.
fn mask(is_new: impl Fn(u32, u32) -> bool) -> Vec<u8> {
    png_from(90, 74, |x, y| if is_new(x, y) { [255; 3] } else { [0; 3] })
}

#[tokio::test]
async fn every_kind_makes_the_right_file_and_what_it_says_about_itself_makes_it_again() {
    let system = start().await;
    let client = system.client();
    let image = upload(&client, &uneven()).await;
    let mask = upload(&client, &mask(|x, _| x >= 45)).await;
    let margins = json!({ "right": 38, "bottom": 6 });
    let kinds = [
        ("text_to_image", painted(json!({ "width": 80, "height": 64 })), (80, 64)),
        ("text_to_image", painted(json!({ "width": 64, "height": 64, "hires": { "scale": 1.5 } })), (96, 96)),
        ("image_to_image", painted(json!({ "image": image, "strength": 0.5 })), (96, 80)),
        ("image_to_image", painted(json!({ "image": image, "width": 64, "height": 64 })), (64, 64)),
        ("inpaint", painted(json!({ "image": image, "mask": mask })), (90, 74)),
        ("inpaint", painted(json!({ "image": image, "extend": margins })), (128, 80)),
        ("image_edit", painted(json!({ "images": [image], "width": 64, "height": 64 })), (64, 64)),
        ("image_edit", painted(json!({ "images": [image, mask], "width": 64, "height": 64 })), (64, 64)),
        ("upscale", json!({ "image": image, "upscaler": "tiny-esrgan-x2", "factor": 2 }), (180, 148)),
        ("upscale", json!({ "image": image, "upscaler": "tiny-esrgan-x4", "factor": 3 }), (270, 222)),
        ("upscale", json!({ "image": image, "factor": 1.5 }), (135, 111)),
        ("contact_sheet", json!({ "cells": [image, mask, null], "columns": 2, "cell_px": 64 }), (0, 0)),
    ];
    for (kind, spec, size) in kinds {
        let job = make(&client, kind, &spec).await;
        let asset = job.result.as_ref().expect("a result").assets[0].clone();
        let picture = decode(&file(&client, &job).await);
        if size != (0, 0) {
            assert_eq!((picture.width, picture.height), size, "{kind} {spec}");
        }
        assert!(picture.variety > 16, "{kind} {spec} has only {} different values", picture.variety);
        let parents: Vec<AssetId> = job.spec.inputs().into_iter().map(|(_, id)| id).collect();
        let newest: Page<Asset> = client.get_json("/api/assets?limit=100").await.unwrap();
        let record = newest.data.iter().find(|record| record.file.id == asset.id).expect("a record");
        assert_eq!(record.parents, parents, "{kind} descends from what it was made of");

        let mut again: Value = serde_json::from_str(picture.text("atelier")).expect("what the file says about itself");
        assert_eq!(again["kind"], kind);
        again.as_object_mut().unwrap().remove("kind");
        let again = make(&client, kind, &again).await;
        assert_eq!(
            again.result.expect("a result").assets[0].blake3,
            asset.blake3,
            "{kind} {spec} came out differently"
        );
    }
}

#[tokio::test]
async fn what_the_mask_leaves_out_stays_exactly_and_what_it_covers_is_new() {
    let system = start().await;
    let client = system.client();
    let (before, mask_png) = (uneven(), mask(|x, y| x >= 45 && y < 40));
    let (image, mask) = (upload(&client, &before).await, upload(&client, &mask_png).await);
    let before = decode(&before);
    let after = made(&client, "inpaint", &painted(json!({ "image": image, "mask": mask }))).await;
    let places = || (0..74).flat_map(|y| (0..90).map(move |x| (x, y)));
    let is_covered = |x: u32, y: u32| x >= 45 && y < 40;
    let differing = places().filter(|(x, y)| before.pixel(*x, *y) != after.pixel(*x, *y));
    let (covered, kept): (Vec<_>, Vec<_>) = differing.partition(|(x, y)| is_covered(*x, *y));
    assert_eq!(kept, [], "pixels outside the mask have changed");
    assert!(covered.len() > 45 * 40 * 3 / 4, "only {} pixels are new", covered.len());

    let extended = json!({ "image": image, "extend": { "left": 22, "top": 6 } });
    let after = made(&client, "inpaint", &painted(extended)).await;
    assert_eq!((after.width, after.height), (112, 80));
    assert!(places().all(|(x, y)| before.pixel(x, y) == after.pixel(x + 22, y + 6)), "the old part has changed");
}

/// Makes a picture, then one for each change of one parameter: no two may be alike, and the first again is the same.
async fn assert_each_change_counts(client: &Client, kind: &str, base: &Value, changes: &[(&str, Value)]) {
    let blake3 = |job: Job| job.result.expect("a result").assets[0].blake3.clone();
    let mut seen = vec![("nothing".to_owned(), blake3(make(client, kind, base).await))];
    for (name, value) in changes {
        let mut spec = base.clone();
        match value {
            Value::Null => drop(spec.as_object_mut().unwrap().remove(*name)),
            value => spec[*name] = value.clone(),
        }
        let made = blake3(make(client, kind, &spec).await);
        let same = seen.iter().find(|(_, other)| *other == made);
        assert!(same.is_none(), "{kind}: {name} = {value} makes the same picture as {same:?}");
        seen.push((format!("{name} = {value}"), made));
    }
    assert_eq!(blake3(make(client, kind, base).await), seen[0].1, "{kind}: the same spec made another picture");
}

#[tokio::test]
async fn every_parameter_of_sampling_makes_another_picture_of_the_same_seed() {
    let system = start().await;
    let words = painted(json!({ "width": 64, "height": 64, "steps": 3, "sampler": "euler_a", "cfg_scale": 2.0 }));
    let changes = [
        ("prompt", json!("a red cat")),
        ("negative_prompt", json!("blue")),
        ("seed", json!(8)),
        ("steps", json!(4)),
        ("cfg_scale", json!(3.0)),
        ("sampler", json!("heun")),
        ("scheduler", json!("karras")),
        ("eta", json!(0.2)),
        ("flow_shift", json!(9.0)),
        ("loras", json!([{ "name": "tiny-lora" }])),
        ("loras", json!([{ "name": "tiny-lora", "weight": 0.5 }])),
        ("width", json!(80)),
    ];
    assert_each_change_counts(&system.client(), "text_to_image", &words, &changes).await;
}

#[tokio::test]
async fn every_parameter_of_a_second_pass_makes_another_picture_of_the_same_seed() {
    let system = start().await;
    let hires = |fields: Value| {
        let mut hires = json!({ "scale": 1.5, "strength": 0.6, "steps": 2 });
        hires.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        hires
    };
    let words = painted(json!({ "width": 64, "height": 64, "steps": 2, "hires": hires(json!({})) }));
    let changes = [
        ("hires", Value::Null),
        ("hires", hires(json!({ "scale": 1.25 }))),
        ("hires", hires(json!({ "strength": 0.9 }))),
        ("hires", hires(json!({ "steps": 4 }))),
        ("hires", hires(json!({ "upscaler": "lanczos" }))),
        ("hires", hires(json!({ "upscaler": "tiny-esrgan-x2" }))),
    ];
    assert_each_change_counts(&system.client(), "text_to_image", &words, &changes).await;
}

#[tokio::test]
async fn every_parameter_of_a_picture_from_pictures_makes_another_one_of_the_same_seed() {
    let system = start().await;
    let client = system.client();
    let (image, other) = (upload(&client, &uneven()).await, upload(&client, &mask(|x, y| (x + y) % 9 < 4)).await);
    let small = json!({ "image": image, "strength": 0.5, "width": 64, "height": 64, "steps": 2 });
    let changes = [("image", json!(other)), ("strength", json!(0.9)), ("fit", json!("stretch")), ("width", json!(80))];
    assert_each_change_counts(&client, "image_to_image", &painted(small), &changes).await;

    let edited = json!({ "images": [image], "width": 64, "height": 64, "steps": 2 });
    let changes = [("images", json!([other])), ("images", json!([image, other]))];
    assert_each_change_counts(&client, "image_edit", &painted(edited), &changes).await;

    let upscaled = json!({ "image": image, "upscaler": "tiny-esrgan-x2", "factor": 2 });
    let changes = [("image", json!(other)), ("factor", json!(1.5)), ("upscaler", Value::Null)];
    assert_each_change_counts(&client, "upscale", &upscaled, &changes).await;
}

#[tokio::test]
async fn pictures_come_in_the_format_that_was_asked_for() {
    let system = start().await;
    let client = system.client();
    let starts: [(&str, &str, &[u8]); 3] =
        [("png", "image/png", b"\x89PNG"), ("jpeg", "image/jpeg", &[0xff, 0xd8]), ("webp", "image/webp", b"RIFF")];
    for (format, media_type, start) in starts {
        let small = painted(json!({ "width": 64, "height": 64, "format": format, "quality": 80 }));
        let job = make(&client, "text_to_image", &small).await;
        assert_eq!(job.result.as_ref().expect("a result").assets[0].media_type, media_type);
        let bytes = file(&client, &job).await;
        assert!(bytes.starts_with(start));
        let says = |bytes: &[u8]| {
            bytes.windows(6).any(|word| word == b"a lake" || word == b"a\0 \0l\0" || word == b"\0a\0 \0l")
        };
        assert!(says(&bytes), "{format} does not say how it was made");
        let mut stripped = small.clone();
        stripped["strip_metadata"] = true.into();
        let bytes = file(&client, &make(&client, "text_to_image", &stripped).await).await;
        assert!(!says(&bytes), "{format} still says how it was made");
    }
}

#[tokio::test]
async fn the_lists_say_what_a_job_can_name_and_a_picture_says_how_to_make_it_again() {
    let system = start().await;
    let client = system.client();
    let get = async |path: &str| client.get_json::<Value>(path).await.unwrap();
    assert_eq!(get("/api/loras").await["data"][0]["id"], "tiny-lora");
    let upscalers = get("/api/upscalers").await;
    assert_eq!(
        (&upscalers["data"][0]["id"], &upscalers["data"][1]["id"]),
        (&json!("tiny-esrgan-x2"), &json!("tiny-esrgan-x4"))
    );
    assert_eq!(get("/api/embeddings").await["data"], json!([]));
    assert_eq!(get("/api/queue").await["data"][0]["is_paused"], false);
    let described = get("/api/capabilities?model=smoke&kind=text_to_image").await.to_string();
    for word in ["cfg_scale", "euler_a", "tiny-lora", "tiny-esrgan-x2"] {
        assert!(described.contains(word), "{word} is not among what can be set: {described}");
    }
    let spec = painted(json!({ "width": 64, "height": 64 }));
    let job = make(&client, "text_to_image", &spec).await;
    let id = job.result.as_ref().expect("a result").assets[0].id;
    let answer = client.post("/api/assets/inspect", &json!({ "asset_id": id })).await.unwrap();
    let inspected: Value = client::read(answer).await.unwrap();
    assert_eq!(
        (&inspected["spec"]["prompt"], &inspected["spec"]["seed"]),
        (&json!("a lake"), &json!(7)),
        "{inspected}"
    );
}
