//! Pause and resume, and the place in line.

use contract::{
    JobId,
    job::{Job, JobState},
    page::Page,
    problem::ProblemCode,
    system::{QueueDepth, System, Verdict},
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::house::{House, next_job, send, succeed};
use crate::{sample::result, wait::until};

#[tokio::test]
async fn a_paused_queue_accepts_and_cancels_and_says_that_it_is_paused() {
    let house = House::open().await;
    let answer = send(house.request(Method::POST, "/api/queue/pause")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert!(answer.json::<Page<QueueDepth>>().data.iter().all(|queue| queue.is_paused));
    let (waits, ends) = (house.submit("waits").await, house.submit("ends").await);
    assert_eq!(house.delete(&format!("/api/jobs/{}", ends.id)).await.status, StatusCode::OK);

    let system: System = house.get("/api/system").await.json();
    let check = system.checks.iter().find(|check| check.name == "queue").unwrap();
    assert!(
        check.verdict == Verdict::Warning && check.remedy.as_ref().unwrap().contains("atelier resume"),
        "{check:?}"
    );
    assert!(system.is_ready && system.queues[0].is_paused);
    assert!(house.get("/metrics").await.text().contains(r#"atelier_queue_paused{worker_kind="sd"} 1"#));

    let answer = house.post("/api/queue/resume", &json!({ "worker_kind": "sd" })).await;
    let queues = answer.json::<Page<QueueDepth>>().data;
    let is_paused = |name: &str| queues.iter().find(|queue| queue.worker_kind.as_str() == name).unwrap().is_paused;
    assert!(!is_paused("sd"), "{queues:?}");
    assert_eq!(next_job(&mut house.worker().await).await.job.id, waits.id);
}

#[tokio::test]
async fn a_kind_of_worker_that_does_not_exist_is_named_and_nothing_is_paused() {
    let house = House::open().await;
    let answer = house.post("/api/queue/pause", &json!({ "worker_kind": "sdd" })).await;
    assert_eq!(
        (answer.status, answer.problem().errors[0].pointer.as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "/worker_kind")
    );
    let answer = house.post("/api/queue/pause", &json!({ "kind": "sd" })).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = send(house.request(Method::POST, "/api/queue/pause").body("sd")).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let queues: Page<QueueDepth> = house.get("/api/queue").await.json();
    assert!(queues.data.iter().all(|queue| !queue.is_paused));
}

#[tokio::test]
async fn one_job_is_paused_and_says_so_until_it_is_resumed() {
    let house = House::open().await;
    let (first, second) = (house.submit("first").await, house.submit("second").await);
    let path = |what: &str| format!("/api/jobs/{}{what}", first.id);
    let post = async |path: &str| send(house.request(Method::POST, path)).await;
    for _ in 0..2 {
        let answer = post(&path("/pause")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let job: Job = answer.json();
        assert_eq!((job.state, job.paused, job.position), (JobState::Queued, true, None));
    }
    let mut worker = house.worker().await;
    let lease = next_job(&mut worker).await;
    assert_eq!(lease.job.id, second.id);
    let listed: Page<Job> = house.get("/api/jobs").await.json();
    let paused: Vec<JobId> = listed.data.iter().filter(|job| job.paused).map(|job| job.id).collect();
    assert_eq!(paused, [first.id]);
    let moved = house.post(&path("/move"), &json!({ "to": "front" })).await;
    assert!(moved.status == StatusCode::OK && moved.json::<Job>().paused);

    let job: Job = post(&path("/resume")).await.json();
    assert_eq!((job.paused, job.position), (false, Some(1)));
    succeed(lease, &result(vec![])).await;
    assert_eq!(next_job(&mut worker).await.job.id, first.id);
    house.wait_for(&path(""), "state", "running").await;
    for what in ["/pause", "/resume"] {
        let answer = post(&path(what)).await;
        assert_eq!(answer.status, StatusCode::CONFLICT);
        assert!(answer.problem().detail.contains("running"), "{}", answer.text());
        let answer = post(&format!("/api/jobs/{}{what}", JobId::new())).await;
        assert_eq!((answer.status, answer.problem().code), (StatusCode::NOT_FOUND, ProblemCode::NotFound));
    }
}

#[tokio::test]
async fn a_paused_job_can_be_cancelled_and_a_retry_waits_like_any_other() {
    let house = House::open().await;
    let path = format!("/api/jobs/{}", house.submit("x").await.id);
    send(house.request(Method::POST, &format!("{path}/pause"))).await;
    let cancelled = house.delete(&path).await;
    assert_eq!(cancelled.status, StatusCode::OK, "it waits in the record, so it ends at once");
    assert!(!cancelled.json::<Job>().paused);
    let again = send(house.request(Method::POST, &format!("{path}/retry"))).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    assert!(!again.json::<Job>().paused);
    next_job(&mut house.worker().await).await;
}

#[tokio::test]
async fn a_waiting_job_knows_its_place_in_line_and_a_running_one_has_none() {
    let house = House::open().await;
    send(house.request(Method::POST, "/api/queue/pause")).await;
    let mut paths = Vec::new();
    for number in 0..3 {
        paths.push(format!("/api/jobs/{}", house.submit(&format!("picture {number}")).await.id));
    }
    let place = async |path: &str| house.get(path).await.json::<Job>().position;
    assert_eq!([place(&paths[0]).await, place(&paths[1]).await, place(&paths[2]).await], [Some(1), Some(2), Some(3)]);
    let moved = house.post(&format!("{}/move", paths[2]), &json!({ "to": "front" })).await;
    assert_eq!(moved.json::<Job>().position, Some(1));
    assert_eq!(place(&paths[0]).await, Some(2));

    send(house.request(Method::POST, "/api/queue/resume")).await;
    let _lease = next_job(&mut house.worker().await).await;
    until("a running job without a place", async || place(&paths[2]).await.is_none().then_some(())).await;
}
