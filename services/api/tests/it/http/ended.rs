//! Many ended jobs at once: cleared away, or tried again.

use contract::{
    control::ChangedJobs,
    job::{Job, JobState},
    page::Page,
    problem::ProblemCode,
};
use queue::Outcome;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::house::{House, next_job, send, succeed};
use crate::sample::{failure, file, result};

const DONE: ChangedJobs = ChangedJobs { count: 0, has_more: false };

/// Ends three jobs: one well, one badly, one by cancelling; returns their paths.
async fn three_ends(house: &House) -> [String; 3] {
    let mut worker = house.worker().await;
    let well = house.submit("well").await;
    let path = |job: &Job| format!("/api/jobs/{}", job.id);
    let lease = next_job(&mut worker).await;
    let made = result(vec![file('a')]);
    house.store().write_result(lease.job.id, lease.token(), &made).await.unwrap();
    succeed(lease, &made).await;
    house.wait_for(&path(&well), "state", "succeeded").await;
    let badly = house.submit("badly").await;
    let _ = next_job(&mut worker).await.fail(Outcome::Failed, &failure("no")).await.unwrap();
    house.wait_for(&path(&badly), "state", "failed").await;
    let stopped = house.submit("stopped").await;
    house.delete(&path(&stopped)).await;
    house.wait_for(&path(&stopped), "state", "cancelled").await;
    [path(&well), path(&badly), path(&stopped)]
}

#[tokio::test]
async fn cleared_jobs_are_gone_and_what_they_made_stays() {
    let house = House::open().await;
    let [well, badly, stopped] = three_ends(&house).await;
    let waits = house.submit("waits").await;

    let answer = house.post("/api/jobs/clear", &json!({ "state": ["failed"], "before": "2020-01-01T00:00:00Z" })).await;
    assert_eq!(answer.json::<ChangedJobs>(), DONE);
    let answer = house.post("/api/jobs/clear", &json!({ "state": ["failed", "cancelled"] })).await;
    assert_eq!(answer.json::<ChangedJobs>(), ChangedJobs { count: 2, ..DONE });
    for path in [&badly, &stopped] {
        assert_eq!(house.get(path).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(house.get(&well).await.status, StatusCode::OK);

    let every_end = json!({ "state": ["succeeded", "failed", "cancelled", "dead"] });
    assert_eq!(house.post("/api/jobs/clear", &every_end).await.json::<ChangedJobs>(), ChangedJobs { count: 1, ..DONE });
    let assets: Value = house.get("/api/assets").await.json();
    assert_eq!((assets["data"].as_array().unwrap().len(), &assets["data"][0]["job_id"]), (1, &Value::Null));
    let left: Page<Job> = house.get("/api/jobs").await.json();
    assert_eq!(left.data.iter().map(|job| job.id).collect::<Vec<_>>(), [waits.id]);
    // A result without a record would lie there for ever.
    assert_eq!(house.store().list_result_jobs().await.unwrap(), []);
}

#[tokio::test]
async fn what_to_clear_must_be_said() {
    let house = House::open().await;
    let [well, ..] = three_ends(&house).await;
    for (body, pointer) in [
        (json!({}), "/state"),
        (json!({ "state": [] }), "/state"),
        (json!({ "state": ["queued"] }), "/state/0"),
        (json!({ "state": ["failed"], "before": "yesterday" }), "/before"),
        (json!({ "state": ["failed"], "states": ["dead"] }), "/states"),
    ] {
        let answer = house.post("/api/jobs/clear", &body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(answer.problem().errors[0].pointer, pointer, "{body}");
    }
    assert_eq!(send(house.request(Method::POST, "/api/jobs/clear")).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(house.get(&well).await.status, StatusCode::OK);
}

#[tokio::test]
async fn all_that_failed_is_tried_again_at_once() {
    let house = House::open().await;
    let [well, badly, stopped] = three_ends(&house).await;
    let answer = send(house.request(Method::POST, "/api/jobs/retry")).await;
    assert_eq!(answer.json::<ChangedJobs>(), ChangedJobs { count: 1, ..DONE }, "{}", answer.text());
    let state = async |path: &str| house.get(path).await.json::<Job>().state;
    assert_eq!(
        (state(&well).await, state(&badly).await, state(&stopped).await),
        (JobState::Succeeded, JobState::Queued, JobState::Cancelled)
    );
    let answer = house.post("/api/jobs/retry", &json!({ "state": ["cancelled"] })).await;
    assert_eq!(answer.json::<ChangedJobs>().count, 1);
    assert_eq!(
        house.post("/api/jobs/retry", &json!({ "state": ["succeeded"] })).await.problem().errors[0].pointer,
        "/state/0"
    );
    let mut worker = house.worker().await;
    for path in [&badly, &stopped] {
        succeed(next_job(&mut worker).await, &result(vec![])).await;
        house.wait_for(path, "state", "succeeded").await;
    }
}

#[tokio::test]
async fn a_retry_of_many_does_not_overfill_the_queue() {
    let house = House::open_with(&[("ATELIER_QUEUE_LIMIT", "2")]).await;
    send(house.request(Method::POST, "/api/queue/pause")).await;
    for number in 0..3 {
        let job = house.submit(&format!("picture {number}")).await;
        assert_eq!(house.delete(&format!("/api/jobs/{}", job.id)).await.status, StatusCode::OK);
    }
    let cancelled = json!({ "state": ["cancelled"] });
    let answer = house.post("/api/jobs/retry", &cancelled).await;
    assert_eq!(answer.json::<ChangedJobs>(), ChangedJobs { count: 2, has_more: true });
    let refused = house.post("/api/jobs/retry", &cancelled).await;
    assert_eq!((refused.status, refused.problem().code), (StatusCode::TOO_MANY_REQUESTS, ProblemCode::QueueFull));
}
