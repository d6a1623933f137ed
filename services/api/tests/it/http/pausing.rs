//! Pause and resume, and the place in line.

use contract::{
    job::Job,
    page::Page,
    system::{QueueDepth, System, Verdict},
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::house::{House, next_job, send};
use crate::wait::until;

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
