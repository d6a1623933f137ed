//! Cancelling jobs that wait and jobs that run.

use std::time::Duration;

use contract::job::{Job, JobState};
use reqwest::StatusCode;
use tests::{
    client,
    plan::{Engine, Plan},
};

use crate::{LIMIT, pictures::picture};

#[tokio::test]
async fn a_waiting_job_ends_at_once_and_never_runs() {
    let system = Plan::new().workers(0).start().await.unwrap();
    let client = system.client();
    let job = client.submit(&picture("nobody is there", 2)).await.unwrap();
    let answer = client.cancel(job.id).await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let ended = client.until_state(job.id, JobState::Cancelled, LIMIT).await.unwrap();
    assert!(ended.cancel_requested && ended.started_at.is_none() && ended.attempts == 0, "{ended:?}");
    // Whoever asks again hears the same.
    let again: Job = client::read(client.cancel(job.id).await.unwrap()).await.unwrap();
    assert_eq!(again.state, JobState::Cancelled);
}

#[tokio::test]
async fn an_engine_that_does_not_hear_is_given_up_and_the_worker_goes_on() {
    let system = Plan::new().start().await.unwrap();
    let client = system.client();
    let deaf = client.submit(&picture("[scripted: hang]", 2)).await.unwrap();
    client.until_state(deaf.id, JobState::Running, LIMIT).await.unwrap();
    assert_eq!(client.cancel(deaf.id).await.unwrap().status(), StatusCode::ACCEPTED);
    client.until_state(deaf.id, JobState::Cancelled, LIMIT).await.unwrap();
    let next = client.submit(&picture("a lighthouse", 2)).await.unwrap();
    client.until_state(next.id, JobState::Succeeded, LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_job_that_has_ended_cannot_be_cancelled() {
    let system = Plan::new().engine(Engine::Scripted(Duration::ZERO)).start().await.unwrap();
    let client = system.client();
    let job = client.submit(&picture("quick", 1)).await.unwrap();
    client.until_state(job.id, JobState::Succeeded, LIMIT).await.unwrap();
    assert_eq!(client.cancel(job.id).await.unwrap().status(), StatusCode::CONFLICT);
    assert_eq!(client.job(job.id).await.unwrap().state, JobState::Succeeded);
}
