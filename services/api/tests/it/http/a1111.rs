//! The door for programs that speak to the web UI of AUTOMATIC1111: shapes, options, progress and interruption.

use assets::picture::{Limits, decode, encode_png};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use contract::spec::{
    JobSpec,
    sampling::{Sampler, Scheduler},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    house::{House, next_job, send, succeed},
    picture::png,
};
use crate::sample::result;
use crate::wait::until;

const KEY: &str = "a-key-from-the-settings-of-this-test";

#[tokio::test]
async fn a_picture_comes_with_an_info_that_is_json_in_a_text() {
    let house = House::open().await;
    let mut worker = house.worker().await;
    let body = json!({
        "prompt": "a lighthouse", "negative_prompt": null, "seed": 7, "batch_size": 2, "n_iter": 2, "steps": 5,
        "width": 128, "height": 64, "cfg_scale": 2.0, "sampler_name": "DPM++ 2M Karras", "scheduler": "automatic",
        "styles": [], "alwayson_scripts": { "x": { "args": [{}] } }, "enable_hr": true, "hr_scale": 1.5,
        "hr_upscaler": "Latent (bicubic antialiased)", "denoising_strength": 0.4, "script_args": [],
        "override_settings": { "sd_model_checkpoint": "scripted", "other": 1 },
    });
    let request = house.request(Method::POST, "/sdapi/v1/txt2img").body(body.to_string());
    let answer = tokio::spawn(send(request.header("content-type", "text/plain")));
    let lease = next_job(&mut worker).await;
    let JobSpec::TextToImage(spec) = &lease.job.spec else { panic!("{:?}", lease.job.spec) };
    assert_eq!((spec.width, spec.height, spec.painting.batch_count), (128, 64, 4));
    assert_eq!((spec.painting.sampler, spec.painting.scheduler), (Some(Sampler::Dpmpp2m), Some(Scheduler::Karras)));
    let hires = spec.hires.as_ref().unwrap();
    assert_eq!((hires.scale, hires.strength, hires.upscaler.as_str()), (1.5, 0.4, "latent_bicubic_antialiased"));
    let bytes = png(32, 32);
    let file = house.store().put("image/png", Bytes::from(bytes.clone())).await.unwrap();
    succeed(lease, &result(vec![file])).await;
    let answer = answer.await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let answer: Value = answer.json();
    assert_eq!(answer["images"], json!([BASE64_STANDARD.encode(bytes)]));
    assert_eq!(answer["parameters"]["prompt"], "a lighthouse");
    let info: Value = serde_json::from_str(answer["info"].as_str().unwrap()).unwrap();
    assert_eq!((&info["seed"], &info["all_seeds"]), (&json!(7), &json!([7, 8, 9, 10])));
    assert_eq!(info["infotexts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_interrupt_ends_what_came_through_this_door_and_nothing_else() {
    let house = House::open().await;
    let mut worker = house.worker().await;
    let idle: Value = house.get("/sdapi/v1/progress").await.json();
    assert_eq!((&idle["progress"], &idle["state"]["job_count"]), (&json!(0.0), &json!(0)));
    let native = house.submit("native").await;
    let first = next_job(&mut worker).await;
    assert_eq!(first.job.id, native.id);
    let request = house.request(Method::POST, "/sdapi/v1/txt2img").json(&json!({ "prompt": "x", "n_iter": 2 }));
    let answer = tokio::spawn(send(request));
    let count = async || {
        let now: Value = house.get("/sdapi/v1/progress").await.json();
        (now["state"]["job_count"] == 2).then_some(())
    };
    until("the job to be seen", count).await;
    house.post("/sdapi/v1/interrupt", &json!({})).await;
    let answer = answer.await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let answer: Value = answer.json();
    let info: Value = serde_json::from_str(answer["info"].as_str().unwrap()).unwrap();
    assert_eq!((&answer["images"], &info["interrupted"]), (&json!([]), &json!(true)));
    let native: Value = house.get(&format!("/api/jobs/{}", native.id)).await.json();
    assert_eq!(native["cancel_requested"], false);
}

#[tokio::test]
async fn the_key_is_the_password_of_http_basic_and_nothing_opens_without_it() {
    let house = House::open_with(&[("ATELIER_API_KEY", KEY)]).await;
    let get = |path: &str| house.request(Method::GET, path);
    let path = "/sdapi/v1/options";
    assert_eq!(send(get(path).basic_auth("anybody", Some(KEY))).await.status, StatusCode::OK);
    assert_eq!(send(get(path).bearer_auth(KEY)).await.status, StatusCode::OK);
    for refused in [get(path), get(path).basic_auth(KEY, Some("x")), get(path).header("authorization", "Basic ")] {
        let answer = send(refused).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.json::<Value>()["detail"].as_str().unwrap().contains("key"));
    }
    // Nowhere else: a browser would send a password by itself.
    assert_eq!(send(get("/api/jobs").basic_auth("anybody", Some(KEY))).await.status, StatusCode::UNAUTHORIZED);
    let routes = [
        (
            Method::GET,
            "options samplers schedulers upscalers latent-upscale-modes sd-models sd-vae loras embeddings progress \
            scripts cmd-flags memory prompt-styles",
        ),
        (
            Method::POST,
            "options txt2img img2img extra-single-image extra-batch-images png-info interrogate interrupt skip \
            refresh-checkpoints unload-checkpoint reload-checkpoint",
        ),
    ];
    for (method, names) in routes {
        for name in names.split_whitespace() {
            let path = format!("/sdapi/v1/{name}");
            let answer = send(house.request(method.clone(), &path)).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            let question = send(house.request(Method::OPTIONS, &path)).await;
            assert_eq!(question.status, StatusCode::NO_CONTENT, "{path}");
            let answer = send(house.request(method.clone(), &path).bearer_auth(KEY)).await;
            let is_there = answer.status.is_success() || answer.status == StatusCode::UNPROCESSABLE_ENTITY;
            assert!(is_there || name == "interrogate", "{method} {path}: {} {}", answer.status, answer.text());
        }
    }
}

#[tokio::test]
async fn the_options_hold_a_model_and_take_the_whole_object_back() {
    let house = House::open().await;
    let options: Value = house.get("/sdapi/v1/options").await.json();
    assert_eq!(options["sd_model_checkpoint"], "scripted");
    assert_eq!(house.post("/sdapi/v1/options", &options).await.status, StatusCode::OK);
    let titled = json!({ "sd_model_checkpoint": "scripted.safetensors [0123abcd]" });
    assert_eq!(house.post("/sdapi/v1/options", &titled).await.status, StatusCode::OK);
    let answer = house.post("/sdapi/v1/options", &json!({ "sd_model_checkpoint": "none" })).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let models: Value = house.get("/sdapi/v1/sd-models").await.json();
    assert_eq!((&models[0]["title"], &models[0]["model_name"]), (&json!("scripted"), &json!("scripted")));
}

#[tokio::test]
async fn what_is_wrong_is_told_in_the_words_of_a1111_and_stores_nothing() {
    let house = House::open().await;
    let picture = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png(64, 64)));
    let cases = [
        ("txt2img", json!({ "prompt": "x", "width": 65 }), "width"),
        ("txt2img", json!({ "prompt": "x", "n_iter": 4, "batch_size": 5 }), "batch_size"),
        ("txt2img", json!({ "prompt": "x", "sampler_name": "none" }), "sampler"),
        ("txt2img", json!({ "prompt": "x", "override_settings": { "sd_model_checkpoint": "none" } }), "none"),
        ("img2img", json!({ "prompt": "x" }), "init_images"),
        ("img2img", json!({ "prompt": "x", "init_images": ["!"] }), "init_images"),
        ("img2img", json!({ "prompt": "x", "init_images": [picture], "width": 65 }), "width"),
        ("extra-single-image", json!({ "image": "" }), "image"),
        ("extra-single-image", json!({ "image": picture, "upscaling_resize": 99 }), "factor"),
    ];
    for (name, body, word) in cases {
        let answer = house.post(&format!("/sdapi/v1/{name}"), &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name} {body}: {}", answer.text());
        let error: Value = answer.json();
        assert!(error["errors"].as_str().unwrap().contains(word), "{error}");
        assert!(error["error"].is_string() && error["detail"].is_string(), "{error}");
    }
    house.assert_untouched().await;
}

/// Returns a mask whose right half is white.
fn half_white(side: u32) -> Vec<u8> {
    let row: Vec<u8> = (0..side).flat_map(|x| [if x < side / 2 { 0 } else { 255 }; 3]).collect();
    encode_png(&row.repeat(side as usize), side, side, &[]).unwrap()
}

#[tokio::test]
async fn under_a_mask_both_pictures_come_in_the_wanted_size_and_white_is_new() {
    let house = House::open().await;
    let mut worker = house.worker().await;
    for (invert, left_is_new) in [(0, false), (1, true)] {
        let body = json!({
            "prompt": "x", "init_images": [BASE64_STANDARD.encode(png(64, 64))], "width": 128, "height": 64,
            "mask": format!("data:image/png;base64,{}", BASE64_STANDARD.encode(half_white(64))),
            "inpainting_mask_invert": invert, "mask_blur": 0, "denoising_strength": 0.6,
        });
        let answer = tokio::spawn(send(house.request(Method::POST, "/sdapi/v1/img2img").json(&body)));
        let lease = next_job(&mut worker).await;
        let JobSpec::Inpaint(spec) = &lease.job.spec else { panic!("{:?}", lease.job.spec) };
        assert_eq!((spec.strength, spec.mask_blur, lease.job.inputs.len()), (0.6, 0, 2));
        assert!(lease.job.inputs.iter().all(|file| (file.width, file.height) == (Some(128), Some(64))));
        let mask = house.store().read(&lease.job.inputs[1].blake3).await.unwrap();
        let mask = decode(&mask, &Limits::default()).unwrap().pixels.rgb;
        let (left, right) = (mask[10 * 3], mask[118 * 3]);
        assert_eq!((left == 255, right == 255), (left_is_new, !left_is_new), "{left} {right}");
        let file = house.store().put("image/png", Bytes::from(png(128, 64))).await.unwrap();
        succeed(lease, &result(vec![file])).await;
        assert_eq!(answer.await.unwrap().status, StatusCode::OK);
    }
}
