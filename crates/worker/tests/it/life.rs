//! From the lane to the picture.

use std::time::Duration;

use queue::Outcome;
use worker::ScriptedEngine;

use crate::scene::{Scene, job, job_of, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_becomes_a_picture_that_says_how_it_was_made() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    let job = job_of(serde_json::json!({
        "prompt": "a lighthouse", "model": "m", "seed": 40, "width": 96, "height": 64, "steps": 3, "batch_count": 2
    }));
    scene.publish(&job).await;
    let done = scene.next_done().await;
    assert_eq!((done.job_id, done.outcome, done.attempts), (job.id, Outcome::Succeeded, 1));
    let result = done.result.unwrap();
    assert_eq!(result.assets.len(), 2);
    for (asset, seed) in result.assets.iter().zip(40..) {
        assert_eq!((asset.width, asset.height, asset.media_type.as_str()), (Some(96), Some(64), "image/png"));
        let png = scene.assets.read(&asset.blake3).await.unwrap();
        let texts = assets::metadata::read_texts(&png);
        let parameters = texts.iter().find(|text| text.keyword == "parameters").unwrap();
        assert!(parameters.text.starts_with("a lighthouse\n"), "{}", parameters.text);
        assert!(parameters.text.contains(&format!("Seed: {seed}")), "{}", parameters.text);
        assert!(assets::metadata::read_spec(&png).is_some());
    }
    let timeline = result.timeline;
    let times = [timeline.leased_at, timeline.loaded_at, timeline.sampled_at, timeline.stored_at];
    assert!(times.is_sorted(), "{times:?}");
    assert!(timeline.engine_s > 0.0);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_spec_is_stored_as_the_same_file() {
    let mut scene = Scene::open().await;
    let worker = scene.start_worker();
    let mut files = Vec::new();
    for _ in 0..2 {
        scene.publish(&job("a lighthouse")).await;
        files.push(scene.next_done().await.result.unwrap().assets.remove(0).blake3);
    }
    assert_eq!(files[0], files[1]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_the_queue_never_heard_of_is_adopted_and_not_made_again() {
    let mut scene = Scene::open().await;
    let first = scene.start_worker();
    let lost = job("a lighthouse");
    scene.publish(&lost).await;
    let made = scene.next_done().await.result.unwrap();
    first.stop().await;

    // The books were lost after the files were safe: the API publishes the job again.
    // The second worker would need hours, so whatever ends soon was not made again.
    let second = scene.start(ScriptedEngine::new(Duration::from_secs(1000)), settings());
    scene.publish_again(&lost, 2, 1).await;
    let adopted = scene.next_done().await;
    assert_eq!((adopted.outcome, adopted.generation), (Outcome::Succeeded, 2));
    assert_eq!(adopted.result.unwrap(), made);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_comes_before_the_api_waits_for_it() {
    let mut scene = Scene::open_unprepared().await;
    let worker = scene.start_worker();
    scene.queue.prepare().await.unwrap();
    scene.publish(&job("a lighthouse")).await;
    assert_eq!(scene.next_done().await.outcome, Outcome::Succeeded);
    worker.stop().await;
}
