//! A request that is repeated is one job.

use contract::{
    JobId,
    job::{Job, JobState},
    page::Page,
    problem::{Problem, ProblemCode},
};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tests::{
    client::{self, Client},
    plan::Plan,
};

use crate::{LIMIT, pictures::picture};

async fn submit(client: &Client, key: &str, body: &Value) -> Response {
    let request = client.request(Method::POST, "/api/workflows/text_to_image").unwrap();
    request.header("Idempotency-Key", key).json(body).send().await.unwrap()
}

#[tokio::test]
async fn the_same_key_finds_the_same_job_even_after_a_restart_of_the_api() {
    let mut system = Plan::new().start().await.unwrap();
    let client = system.client();
    // Without a seed in the request: the one that the server chose must not make it another request.
    let mut body = picture("once", 2);
    body.as_object_mut().unwrap().remove("seed");
    let first: Job = client::read(submit(&client, "key-1", &body).await).await.unwrap();
    system.apis[0].kill();
    system.apis[0] = system.start_api(0).await.unwrap();
    let second: Job = client::read(submit(&client, "key-1", &body).await).await.unwrap();
    assert_eq!(first.id, second.id);
    assert_eq!(first.spec, second.spec);
    client.until_state(first.id, JobState::Succeeded, LIMIT).await.unwrap();
    let page: Page<Job> = client.get_json("/api/jobs").await.unwrap();
    assert_eq!(page.data.len(), 1);

    let other = submit(&client, "key-1", &picture("twice", 2)).await;
    assert_eq!(other.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem: Problem = other.json().await.unwrap();
    assert_eq!(problem.code, ProblemCode::IdempotencyMismatch);
}

#[tokio::test]
async fn a_job_under_an_id_of_the_clients_choice_can_be_put_twice_and_is_one() {
    let system = Plan::new().start().await.unwrap();
    let client = system.client();
    let path = format!("/api/jobs/{}", JobId::new());
    let put = async |prompt: &str| {
        let body = json!({"kind": "text_to_image", "prompt": prompt, "steps": 2, "width": 64, "height": 64});
        client.request(Method::PUT, &path).unwrap().json(&body).send().await.unwrap()
    };
    assert_eq!(put("once").await.status(), StatusCode::ACCEPTED);
    let again = put("once").await;
    assert!(again.status().is_success(), "{}", again.status());
    assert_eq!(put("another").await.status(), StatusCode::CONFLICT);
    let page: Page<Job> = client.get_json("/api/jobs").await.unwrap();
    assert_eq!(page.data.len(), 1);
}
