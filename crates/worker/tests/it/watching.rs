//! What those who watch a job see.

use std::time::{Duration, Instant};

use contract::preview::Preview;
use queue::Outcome;
use worker::ScriptedEngine;

use crate::scene::{Scene, job_of, settings, within};

fn job_of_two_pictures() -> contract::job::QueuedJob {
    job_of(serde_json::json!({
        "prompt": "a lighthouse", "model": "m", "seed": 7, "width": 64, "height": 64, "steps": 30, "batch_count": 2
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_names_the_phases_in_order_and_never_runs_backwards() {
    let mut scene = Scene::open().await;
    let worker = scene.start(ScriptedEngine::new(Duration::from_millis(30)), settings());
    let job = job_of_two_pictures();
    scene.publish(&job).await;
    assert_eq!(scene.next_done().await.outcome, Outcome::Succeeded);
    let progress = scene.progress(job.id).await;
    assert!(progress.len() >= 5, "{progress:?}");
    assert!(progress.is_sorted_by_key(|progress| progress.fraction), "{progress:?}");
    assert!(progress.iter().all(|progress| (0.0..=1.0).contains(&progress.fraction)));
    assert!(progress.iter().any(|progress| progress.seconds_per_step.is_some() && progress.remaining_s.is_some()));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_come_at_most_five_times_a_second_and_are_pictures_of_the_job() {
    let mut scene = Scene::open().await;
    let mut frames = scene.queue.subscribe_previews().await.unwrap();
    let worker = scene.start(ScriptedEngine::new(Duration::from_millis(20)), settings());
    let job = job_of_two_pictures();
    let began = Instant::now();
    scene.publish(&job).await;
    assert_eq!(scene.next_done().await.outcome, Outcome::Succeeded);
    let most = began.elapsed().as_millis() / 200 + 1;

    let mut seen = 0;
    while let Ok(frame) = frames.try_recv() {
        let preview = Preview::decode(&frame).unwrap();
        assert_eq!(preview.job_id, job.id);
        // Steps are counted through both pictures.
        assert!((1..=60).contains(&preview.step), "{}", preview.step);
        assert!(preview.jpeg.starts_with(&[0xFF, 0xD8]), "no JPEG");
        seen += 1;
    }
    assert!((2..=most).contains(&seen), "{seen} previews in {:?}", began.elapsed());
    let last = within("the kept preview", scene.queue.last_preview(job.id)).await.unwrap();
    assert!(last.is_some());
    worker.stop().await;
}
