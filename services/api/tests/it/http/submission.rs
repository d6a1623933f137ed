//! Submitting: once whatever is repeated, waiting where somebody waits, with a model and a seed.

use std::time::Duration;

use contract::{
    JobId,
    job::{Job, JobState, Priority},
    problem::ProblemCode,
};
use queue::Accepted;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::house::{Answer, House, next_job, send, succeed};
use crate::sample::{failure, file, result};
use crate::wait::until;

const PATH: &str = "/api/workflows/text_to_image";

async fn post_as(house: &House, key: &str, body: &Value) -> Answer {
    send(house.request(Method::POST, PATH).header("idempotency-key", key).json(body)).await
}

async fn put(house: &House, id: JobId, body: &Value) -> Answer {
    send(house.request(Method::PUT, &format!("/api/jobs/{id}")).json(body)).await
}

#[tokio::test]
async fn a_job_is_accepted_completed_and_found_again() {
    let house = House::open().await;
    let answer = house.post(&format!("{PATH}?priority=interactive"), &json!({ "prompt": "a lighthouse" })).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let job: Job = answer.json();
    assert_eq!(answer.header("location"), format!("/api/jobs/{}", job.id));
    assert_eq!(
        (job.state, job.priority, job.spec.model()),
        (JobState::Queued, Priority::Interactive, Some("scripted"))
    );
    let spec: Value = serde_json::to_value(&job.spec).unwrap();
    assert!(spec["seed"].is_u64() && spec["width"] == 512, "{spec}");
    assert_eq!(house.get(answer.header("location")).await.json::<Job>().spec, job.spec);
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_request() {
    let house = House::open().await;
    let body = json!({ "prompt": "once", "width": 64 });
    let first = post_as(&house, "key-1", &body).await;
    // The same in other words.
    let again = send(
        house
            .request(Method::POST, PATH)
            .header("idempotency-key", "key-1")
            .header("content-type", "application/json")
            .body(r#" { "width" : 64.0, "prompt":"once" } "#),
    )
    .await;
    assert_eq!((first.status, again.status), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(first.json::<Job>().spec, again.json::<Job>().spec);

    let other = post_as(&house, "key-1", &json!({ "prompt": "twice", "width": 64 })).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(other.problem().code, ProblemCode::IdempotencyMismatch);
    let urgent = send(
        house.request(Method::POST, &format!("{PATH}?priority=batch")).header("idempotency-key", "key-1").json(&body),
    );
    assert_eq!(urgent.await.problem().code, ProblemCode::IdempotencyMismatch);
    let elsewhere = post_as(&house, "key-2", &body).await;
    assert_ne!(elsewhere.header("location"), first.header("location"));
    for key in ["", "a b", "é", &"x".repeat(256)] {
        let request = house.request(Method::POST, PATH).header("idempotency-key", key.as_bytes()).json(&body);
        assert_eq!(send(request).await.problem().errors[0].pointer, "Idempotency-Key", "{key}");
    }
    let page: Value = house.get("/api/jobs").await.json();
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_hundred_repetitions_at_once_make_one_job() {
    let house = House::open().await;
    let body = json!({ "prompt": "once" });
    let all = futures::future::join_all((0..100).map(|_| post_as(&house, "same", &body))).await;
    let mut places: Vec<&str> = all.iter().map(|answer| answer.header("location")).collect();
    places.dedup();
    assert_eq!(places.len(), 1, "{places:?}");
    assert!(places[0].starts_with("/api/jobs/"));
}

#[tokio::test]
async fn an_id_of_the_client_stands_for_one_job() {
    let house = House::open().await;
    let id = JobId::new();
    let body = json!({ "kind": "text_to_image", "prompt": "mine" });
    let (first, again) = (put(&house, id, &body).await, put(&house, id, &body).await);
    assert_eq!((first.status, again.status), (StatusCode::ACCEPTED, StatusCode::ACCEPTED));
    assert_eq!(first.json::<Job>(), again.json::<Job>());
    assert_eq!(first.json::<Job>().id, id);
    let other = put(&house, id, &json!({ "kind": "text_to_image", "prompt": "yours" })).await;
    assert_eq!((other.status, other.problem().code), (StatusCode::CONFLICT, ProblemCode::Conflict));
}

#[tokio::test]
async fn a_client_may_wait_for_the_end() {
    let house = House::open().await;
    let wait = |preference: &str| {
        send(house.request(Method::POST, PATH).header("prefer", preference).json(&json!({ "prompt": "x" })))
    };
    let late = wait("wait=0").await;
    assert_eq!((late.status, late.header("preference-applied")), (StatusCode::ACCEPTED, "wait=0"));
    let at_once = wait("respond-async, wait=100").await;
    assert_eq!((at_once.status, at_once.header("preference-applied")), (StatusCode::ACCEPTED, ""));

    let mut worker = house.worker().await;
    let work = async {
        for _ in 0..2 {
            succeed(next_job(&mut worker).await, &result(vec![file('a')])).await;
        }
        let failed = queue::Outcome::Failed;
        assert_eq!(next_job(&mut worker).await.fail(failed, &failure("no such thing")).await.unwrap(), Accepted::Yes);
    };
    let (_, bad) = tokio::join!(work, wait("wait=20"));
    assert_eq!((bad.status, bad.json::<Job>().state), (StatusCode::OK, JobState::Failed));

    let work = async { succeed(next_job(&mut worker).await, &result(vec![file('b')])).await };
    let (_, good) = tokio::join!(work, wait("wait=20"));
    let job: Job = good.json();
    assert_eq!(
        (good.status, job.state, good.header("preference-applied")),
        (StatusCode::OK, JobState::Succeeded, "wait=20")
    );
    assert_eq!(job.result.unwrap().assets.len(), 1);
}

#[tokio::test]
async fn whoever_waits_is_answered_when_the_server_stops() {
    let house = House::open().await;
    let request = house.request(Method::POST, PATH).header("prefer", "wait=300").json(&json!({ "prompt": "x" }));
    let waiting = tokio::spawn(send(request));
    let is_there = async || house.get("/api/jobs").await.json::<Value>()["data"] != json!([]);
    until("the job", async || is_there().await.then_some(())).await;
    house.begin_to_stop();
    assert_eq!(waiting.await.unwrap().status, StatusCode::ACCEPTED);
    house.stop().await;
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back_but_finds_what_is_in_it() {
    let house = House::open_with(&[("ATELIER_QUEUE_LIMIT", "2")]).await;
    let body = json!({ "prompt": "x" });
    post_as(&house, "mine", &body).await;
    house.submit("second").await;
    let full = house.post(PATH, &body).await;
    assert_eq!((full.status, full.problem().code), (StatusCode::TOO_MANY_REQUESTS, ProblemCode::QueueFull));
    assert!(full.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(post_as(&house, "mine", &body).await.status, StatusCode::ACCEPTED);
    assert_eq!(post_as(&house, "other", &body).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_model_that_cannot_be_used_is_refused_with_those_that_look_like_it() {
    let house = House::open_with(&[("ATELIER_ENGINE", "sd")]).await;
    let models = house.folder.path().join("models/checkpoints");
    let none = house.post(PATH, &json!({ "prompt": "x" })).await;
    assert_eq!((none.status, none.problem().code), (StatusCode::UNPROCESSABLE_ENTITY, ProblemCode::UnknownModel));
    assert!(none.problem().detail.contains(models.to_str().unwrap()), "{}", none.text());

    testkit::tiny_models::write_sd(&models).unwrap();
    std::fs::write(models.join("empty.safetensors"), b"").unwrap();
    std::fs::write(models.join("pickle.safetensors"), b"\x80\x02}q\x00.").unwrap();
    let listed: Value = house.get("/api/models").await.json();
    let ids: Vec<&str> = listed["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert!(!ids.contains(&"scripted"), "{ids:?}");
    let usable = listed["data"].as_array().unwrap().iter().find(|model| model["problem"].is_null()).expect("a model");
    let usable = usable["id"].as_str().unwrap();

    let near = house.post(PATH, &json!({ "prompt": "x", "model": format!("{usable}x") })).await;
    assert_eq!(near.problem().code, ProblemCode::UnknownModel);
    assert_eq!(near.problem().fix[0].set["model"], usable);
    for broken in ["empty", "pickle", "../../etc/passwd", "/etc/passwd", "a\\b"] {
        let answer = house.post(PATH, &json!({ "prompt": "x", "model": broken })).await;
        assert_eq!(answer.problem().code, ProblemCode::UnknownModel, "{broken}: {}", answer.text());
        assert_eq!(answer.problem().errors[0].pointer, "/model");
    }
    house.assert_untouched().await;

    let job: Job = house.post(PATH, &json!({ "prompt": "x" })).await.json();
    assert_eq!(job.spec.model(), Some(usable));
    let named = house.post(PATH, &json!({ "prompt": "x", "model": usable })).await;
    assert_eq!(named.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn while_valkey_is_away_jobs_are_accepted_and_run_when_it_is_back() {
    let house = House::open().await;
    house.valkey.kill9().unwrap();
    let job = house.submit("in the dark").await;
    let found: Job = house.get(&format!("/api/jobs/{}", job.id)).await.json();
    assert_eq!(found.state, JobState::Queued);
    assert_eq!(house.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(house.get("/livez").await.status, StatusCode::OK);
    let workers = house.get("/api/workers").await;
    assert_eq!((workers.status, workers.problem().code), (StatusCode::SERVICE_UNAVAILABLE, ProblemCode::Unavailable));
    assert!(!workers.header("retry-after").is_empty() && !workers.text().contains("sock"), "{}", workers.text());

    house.valkey.restart().unwrap();
    let mut worker =
        house.queue.consumer(contract::spec::WorkerKind::Sd, "late", Duration::from_secs(15)).await.unwrap();
    assert_eq!(next_job(&mut worker).await.job.id, job.id);
}
