//! Pictures of stable-diffusion.cpp, made by the real engine with the tiny model.

use contract::{
    event::Phase,
    job::{Job, JobState},
};
use reqwest::{Method, StatusCode};
use tests::{
    client::{self, Client},
    plan::{Engine, Plan},
    socket::Socket,
    system::System,
};

use crate::{
    LIMIT,
    bad_models::safetensors,
    pictures::{decode, picture},
};

async fn start() -> System {
    Plan::new().engine(Engine::StableDiffusion).start().await.expect("a system")
}

/// Makes a picture and waits for it within the request.
async fn make(client: &Client, picture: &serde_json::Value) -> Job {
    let request = client.request(Method::POST, "/api/workflows/text_to_image").unwrap();
    let answer = request.header("Prefer", "wait=60").json(picture).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers().contains_key("Preference-Applied"));
    let job: Job = client::read(answer).await.unwrap();
    assert_eq!(job.state, JobState::Succeeded, "{:?}", job.failure);
    job
}

#[tokio::test]
async fn a_picture_is_a_png_that_says_how_it_was_made_and_its_job_has_a_whole_timeline() {
    let mut system = start().await;
    let client = system.client();
    let job = make(&client, &picture("a lighthouse at dawn — naïve, 朝", 4)).await;
    let result = job.result.expect("a result");
    let [asset] = result.assets.as_slice() else { panic!("{} assets", result.assets.len()) };
    assert_eq!((asset.media_type.as_str(), asset.width, asset.height), ("image/png", Some(64), Some(64)));
    assert!(result.engine.contains("sd-engine") || result.engine.contains("stable-diffusion"), "{}", result.engine);

    let bytes = client.get(&format!("/api/assets/{}", asset.id)).await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes.len() as u64, asset.size_bytes);
    assert_eq!(blake3::hash(&bytes).to_hex().as_str(), asset.blake3);
    let png = decode(&bytes);
    assert_eq!((png.width, png.height), (64, 64));
    assert!(png.variety > 16, "the picture has only {} different values", png.variety);
    assert!(png.text("parameters").starts_with("a lighthouse at dawn — naïve, 朝"), "{:?}", png.texts);
    assert!(png.text("parameters").contains("Seed: 7"), "{:?}", png.texts);
    let ours: serde_json::Value = serde_json::from_str(png.text("atelier")).expect("our own JSON");
    assert_eq!(ours["seed"], 7, "{ours}");

    let timeline = result.timeline;
    let moments = [
        job.submitted_at,
        timeline.leased_at,
        timeline.loaded_at,
        timeline.sampled_at,
        timeline.stored_at,
        job.ended_at.expect("an end"),
    ];
    assert!(moments.is_sorted(), "{moments:?}");
    assert!(timeline.engine_s > 0.0);
    system.stop(LIMIT).await.expect("an orderly stop, without a process left behind");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_and_another_seed_gives_others() {
    let system = start().await;
    let client = system.client();
    let blake3_of = |job: Job| job.result.expect("a result").assets[0].blake3.clone();
    let first = blake3_of(make(&client, &picture("a lighthouse", 4)).await);
    let mut other = picture("a lighthouse", 4);
    other["seed"] = 8.into();
    assert_ne!(blake3_of(make(&client, &other).await), first);
    assert_eq!(blake3_of(make(&client, &picture("a lighthouse", 4)).await), first);
}

#[tokio::test]
async fn a_running_picture_is_cancelled_at_once_and_the_worker_takes_the_next() {
    let system = start().await;
    let client = system.client();
    let mut large = picture("a large lighthouse", 150);
    (large["width"], large["height"]) = (256.into(), 256.into());
    let running = client.submit(&large).await.unwrap();
    let is_sampling = |job: &Job| job.progress.as_ref().is_some_and(|progress| progress.phase == Phase::Sampling);
    client.until_job(running.id, "the first step", LIMIT, is_sampling).await.unwrap();
    let next = client.submit(&picture("a small lighthouse", 2)).await.unwrap();

    assert_eq!(client.cancel(running.id).await.unwrap().status(), StatusCode::ACCEPTED);
    // One second is promised; the rest is for a machine that compiles something else beside.
    let margin = std::time::Duration::from_secs(4);
    client.until_state(running.id, JobState::Cancelled, margin).await.unwrap();
    client.until_state(next.id, JobState::Succeeded, LIMIT).await.unwrap();
    let workers = client.workers().await.unwrap();
    assert_eq!(workers.len(), 1, "the worker is the same one: {workers:?}");
}

#[tokio::test]
async fn a_picture_survives_the_death_of_its_engine() {
    let system = start().await;
    let client = system.client();
    let mut socket = Socket::connect(&client).await.unwrap();
    socket.say_text(r#"{"type":"subscribe","jobs":"all"}"#).await.unwrap();
    let mut large = picture("a lighthouse", 24);
    (large["width"], large["height"]) = (128.into(), 128.into());
    let job = client.submit(&large).await.unwrap();
    let is_sampling = |job: &Job| job.progress.as_ref().is_some_and(|progress| progress.phase == Phase::Sampling);
    client.until_job(job.id, "the first step", LIMIT, is_sampling).await.unwrap();

    let engine = system.programs().sd_engine().unwrap();
    let running = tests::processes::children(system.workers[0].pid());
    let running = running.iter().find(|child| child.program == engine).expect("a running engine");
    assert!(running.kill());

    let events = socket.events_until(LIMIT, "the end", tests::socket::is_end).await.unwrap();
    let retried = events.iter().find_map(|event| match &event.change {
        contract::event::JobChange::Retrying { failure } => Some(failure.clone()),
        _ => None,
    });
    assert_eq!(retried.expect("a retry").code, contract::job::FailureCode::EngineCrashed);
    let job = client.job(job.id).await.unwrap();
    assert_eq!((job.state, job.attempts), (JobState::Succeeded, 2));
}

#[tokio::test]
async fn a_model_that_only_the_engine_can_see_through_fails_the_job_in_words_and_the_worker_goes_on() {
    let system = Plan::new().engine(Engine::StableDiffusion).set("backoff_ms", &20).start().await.unwrap();
    let client = system.client();
    // A flawless file of something else.
    let head = r#"{"something.else":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#;
    let bytes = [safetensors(head), vec![0; 16]].concat();
    std::fs::write(system.models().join("checkpoints/other.safetensors"), bytes).unwrap();
    let mut strange = picture("a lighthouse", 2);
    strange["model"] = "other".into();
    let job = client.submit(&strange).await.unwrap();
    let ended = client.until_end(job.id, LIMIT).await.unwrap();
    assert!(matches!(ended.state, JobState::Failed | JobState::Dead), "{ended:?}");
    assert!(!ended.failure.expect("a reason").message.is_empty());
    let mut good = picture("a lighthouse", 2);
    good["model"] = "smoke".into();
    let good = client.submit(&good).await.unwrap();
    client.until_state(good.id, JobState::Succeeded, LIMIT).await.unwrap();
}
