//! Pictures into jobs and files out of them.

use std::time::{Duration, Instant};

use assets::{
    metadata::{read_spec, read_texts},
    picture::{Decoded, Limits, Pixels, decode, encode_png},
};
use contract::{
    AssetId, JobId,
    asset::AssetRef,
    event::{JobChange, Phase},
    job::{FailureCode, QueuedJob},
    result::JobResult,
    spec::JobSpec,
};
use queue::{Cancelled, Outcome};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::scene::Scene;

fn noise(width: u32, height: u32, seed: u64) -> Pixels {
    let mut random = fastrand::Rng::with_seed(seed);
    Pixels {
        width,
        height,
        rgb: std::iter::repeat_with(|| random.u8(..)).take((width * height * 3) as usize).collect(),
    }
}

/// A mask with a gradient from left to right between black and white.
fn mask(width: u32, height: u32) -> Pixels {
    let grey =
        |x: u32| (x * 3).saturating_sub(width).saturating_mul(255).checked_div(width).unwrap_or(0).min(255) as u8;
    Pixels { width, height, rgb: (0..height).flat_map(|_| (0..width).flat_map(|x| [grey(x); 3])).collect() }
}

async fn store(scene: &Scene, pixels: &Pixels) -> AssetRef {
    let png = encode_png(&pixels.rgb, pixels.width, pixels.height, &[]).unwrap();
    scene.assets.put("image/png", png.into()).await.unwrap()
}

#[allow(clippy::needless_pass_by_value, reason = "calls read better")]
fn job(spec: Value, inputs: &[&AssetRef]) -> QueuedJob {
    let mut all = json!({"model": "m", "seed": 7, "steps": 2, "prompt": "a cat"});
    if ["upscale", "contact_sheet"].contains(&spec["kind"].as_str().unwrap()) {
        all = json!({});
    }
    all.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let spec: JobSpec = serde_json::from_value(all).unwrap();
    let body = json!({
        "id": JobId::new(), "spec": spec, "inputs": inputs, "submitted_at": "1970-01-01T00:00:00Z",
    });
    let job: QueuedJob = serde_json::from_value(body).unwrap();
    assert_eq!(job.submitted_at, OffsetDateTime::UNIX_EPOCH);
    job
}

/// Runs a job that succeeds, and returns its only picture, its file, and what is said of it.
async fn made(scene: &mut Scene, job: &QueuedJob) -> (Pixels, Vec<u8>, JobResult) {
    scene.publish(job).await;
    let done = scene.next_done().await;
    let result = done.result.unwrap_or_else(|| panic!("{:?}", done.failure));
    let bytes = scene.assets.read(&result.assets[0].blake3).await.unwrap().to_vec();
    let Decoded { pixels, .. } = decode(&bytes, &Limits::default()).unwrap();
    assert_eq!((result.assets[0].width, result.assets[0].height), (Some(pixels.width), Some(pixels.height)));
    (pixels, bytes, result)
}

async fn refusal(scene: &mut Scene, job: &QueuedJob) -> String {
    scene.publish(job).await;
    let done = scene.next_done().await;
    let failure = done.failure.unwrap();
    assert_eq!((done.outcome, failure.code), (Outcome::Failed, FailureCode::Rejected), "{failure:?}");
    assert!(failure.remedy.is_some(), "{failure:?}");
    failure.message
}

fn colour(pixels: &Pixels, x: u32, y: u32) -> [u8; 3] {
    pixels.rgb.as_chunks::<3>().0[(y * pixels.width + x) as usize]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pixel_outside_the_mask_stays_exactly_as_it_was() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    for (number, (width, height)) in [(64, 64), (100, 70), (33, 201), (7, 5)].into_iter().enumerate() {
        for blur in [0, 5] {
            let (before, mask) = (noise(width, height, number as u64), mask(width, height));
            let (image, hole) = (store(&scene, &before).await, store(&scene, &mask).await);
            let wanted = json!({"kind": "inpaint", "image": image.id, "mask": hole.id, "mask_blur": blur});
            let (after, ..) = made(&mut scene, &job(wanted, &[&image, &hole])).await;
            assert_eq!((after.width, after.height), (width, height));
            let mut changed = 0;
            for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
                if colour(&mask, x, y) == [0; 3] {
                    assert_eq!(colour(&after, x, y), colour(&before, x, y), "{width} × {height}: {x}, {y}");
                } else {
                    changed += u32::from(colour(&after, x, y) != colour(&before, x, y));
                }
            }
            assert!(changed > width * height / 4, "{width} × {height}: only {changed} pixels are new");
        }
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_carried_on_beyond_its_edges_and_stays_in_the_middle() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    let before = noise(50, 40, 1);
    let image = store(&scene, &before).await;
    let wanted =
        json!({"kind": "inpaint", "image": image.id, "extend": {"left": 30, "top": 7, "bottom": 90}, "mask_blur": 3});
    let (after, ..) = made(&mut scene, &job(wanted, &[&image])).await;
    assert_eq!((after.width, after.height), (80, 137));
    for (x, y) in (0..40).flat_map(|y| (0..50).map(move |x| (x, y))) {
        assert_eq!(colour(&after, x + 30, y + 7), colour(&before, x, y));
    }
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_painted_over_is_refused_in_words() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    let image = store(&scene, &noise(64, 48, 1)).await;
    let other = store(&scene, &mask(63, 48)).await;
    let black = store(&scene, &Pixels { width: 64, height: 48, rgb: vec![0; 64 * 48 * 3] }).await;
    let inpaint = |more: Value| {
        let mut spec = json!({"kind": "inpaint", "image": image.id});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let message = refusal(&mut scene, &job(inpaint(json!({"mask": other.id})), &[&image, &other])).await;
    assert!(message.contains("63 × 48") && message.contains("64 × 48"), "{message}");
    for wanted in [json!({}), json!({"mask": black.id}), json!({"extend": {}})] {
        let message = refusal(&mut scene, &job(inpaint(wanted), &[&image, &black])).await;
        assert!(message.contains("nothing would be painted"), "{message}");
    }
    let far = json!({"extend": {"left": 2048, "right": 2048}});
    assert!(refusal(&mut scene, &job(inpaint(far), &[&image])).await.contains("4160 × 48"));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_gone_is_refused_at_once() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    let gone = AssetRef { id: AssetId::new(), blake3: "ab".repeat(32), ..store(&scene, &noise(64, 64, 1)).await };
    let wanted = json!({"kind": "image_to_image", "image": gone.id});
    let message = refusal(&mut scene, &job(wanted.clone(), &[&gone])).await;
    assert!(message.contains(&format!("the file of the picture {} is gone", gone.id)), "{message}");
    assert!(refusal(&mut scene, &job(wanted, &[])).await.contains("there is no picture"));
    let text = scene.assets.put("image/png", "no picture at all".into()).await.unwrap();
    let wanted = json!({"kind": "image_to_image", "image": text.id});
    assert!(refusal(&mut scene, &job(wanted, &[&text])).await.contains("not a picture that can be used"));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_gives_its_size_in_steps_of_16_unless_another_is_asked_for() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    let image = store(&scene, &noise(130, 75, 1)).await;
    for (more, size) in [
        (json!({}), (128, 80)),
        (json!({"width": 256}), (256, 144)),
        (json!({"width": 96, "height": 96, "fit": "pad"}), (96, 96)),
    ] {
        let mut wanted = json!({"kind": "image_to_image", "image": image.id});
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (after, ..) = made(&mut scene, &job(wanted, &[&image])).await;
        assert_eq!((after.width, after.height), size);
    }
    let wanted = json!({"kind": "image_edit", "images": [image.id]});
    let (after, ..) = made(&mut scene, &job(wanted, &[&image])).await;
    assert_eq!((after.width, after.height), (128, 80));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_enlarged_and_many_are_laid_together_without_an_engine() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    let image = store(&scene, &noise(60, 40, 1)).await;
    let (after, bytes, result) =
        made(&mut scene, &job(json!({"kind": "upscale", "image": image.id, "factor": 2.5}), &[&image])).await;
    assert_eq!((after.width, after.height), (150, 100));
    assert!(result.engine.starts_with("atelier "), "{}", result.engine);
    assert!(matches!(read_spec(&bytes), Some(JobSpec::Upscale(_))));

    let white = store(&scene, &Pixels { width: 64, height: 64, rgb: vec![255; 64 * 64 * 3] }).await;
    let sheet = json!({
        "kind": "contact_sheet", "columns": 2, "cell_px": 32, "cells": [image.id, null, white.id, image.id],
        "title": "a title", "row_labels": ["one", "two"],
    });
    let (after, ..) = made(&mut scene, &job(sheet, &[&image, &white])).await;
    assert!(after.width > 2 * 36 && after.height > 2 * 36);
    // A sheet that shows nothing is still what was asked for.
    let empty = json!({"kind": "contact_sheet", "columns": 1, "cell_px": 32, "cells": [null]});
    let (after, ..) = made(&mut scene, &job(empty, &[])).await;
    assert_eq!((after.width, after.height), (40, 40));
    let huge = json!({"kind": "upscale", "image": image.id, "factor": 8, "format": "webp"});
    assert_eq!(made(&mut scene, &job(huge, &[&image])).await.0.width, 480);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_engine_is_cancelled_while_it_is_made_and_the_next_job_runs() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    let image = store(&scene, &noise(640, 640, 1)).await;
    let cells = vec![image.id; 400];
    for long in [
        json!({"kind": "upscale", "image": image.id, "factor": 8}),
        json!({"kind": "contact_sheet", "columns": 20, "cell_px": 64, "cells": cells}),
    ] {
        let job = job(long.clone(), &[&image]);
        scene.publish(&job).await;
        scene
            .event(job.id, |change| {
                matches!(change, JobChange::Progress(progress)
                    if progress.phase == Phase::Upscaling && progress.step > 0 && progress.step < progress.steps)
            })
            .await;
        let asked = Instant::now();
        assert_eq!(scene.queue.cancel(job.id).await.unwrap(), Cancelled::Requested, "{long}");
        assert_eq!(scene.next_done().await.outcome, Outcome::Cancelled, "{long}");
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}: {long}", asked.elapsed());
        assert!(scene.assets.find_result(job.id).await.unwrap().is_none());
    }
    let short = job(json!({"kind": "upscale", "image": image.id, "factor": 1.25}), &[&image]);
    assert_eq!(made(&mut scene, &short).await.0.width, 800);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_is_what_was_asked_for_and_says_how_it_was_made_unless_it_must_not() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    for (format, media_type) in [("png", "image/png"), ("jpeg", "image/jpeg"), ("webp", "image/webp")] {
        for strip in [false, true] {
            let wanted = json!({
                "kind": "text_to_image", "width": 64, "height": 64, "format": format, "quality": 80, "strip_metadata": strip,
            });
            let job = job(wanted, &[]);
            let (_, bytes, result) = made(&mut scene, &job).await;
            assert_eq!(result.assets[0].media_type, media_type);
            assert_eq!(read_spec(&bytes), (!strip).then(|| job.spec.clone()), "{format}");
            assert_eq!(read_texts(&bytes).len(), if strip { 0 } else { 2 });
        }
    }
    worker.stop().await;
}
