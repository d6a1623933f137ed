//! Attempts, the dead and their second life, and workers that stop.

use std::time::Duration;

use contract::{
    job::{Attempt, FailureCode, Job, JobState},
    page::Page,
    worker::WorkerState,
};
use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use tests::{
    client,
    plan::{Engine, Plan},
};

use crate::{LIMIT, pictures::picture};

#[tokio::test]
async fn a_job_that_always_fails_dies_with_a_reason_and_a_person_can_give_it_another_life() {
    let system = Plan::new().set("max_attempts", &3).set("backoff_ms", &20).start().await.unwrap();
    let client = system.client();
    let job = client.submit(&picture("[scripted: fail]", 2)).await.unwrap();
    let dead = client.until_end(job.id, LIMIT).await.unwrap();
    assert_eq!((dead.state, dead.attempts), (JobState::Dead, 3));
    assert_eq!(dead.failure.expect("a reason").code, FailureCode::Engine);
    let attempts = format!("/api/jobs/{}/attempts", job.id);
    let page: Page<Attempt> = client.get_json(&attempts).await.unwrap();
    assert_eq!(page.data.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(page.data.iter().all(|attempt| attempt.failure.is_some() && attempt.ended_at.is_some()), "{page:?}");

    let retry = client.request(Method::POST, &format!("/api/jobs/{}/retry", job.id)).unwrap();
    let answer = retry.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let again: Job = client::read(answer).await.unwrap();
    assert!(!again.state.is_end(), "{again:?}");
    client.until_end(job.id, LIMIT).await.unwrap();
    let page: Page<Attempt> = client.get_json(&attempts).await.unwrap();
    assert_eq!(page.data.len(), 6, "the second life has three attempts of its own: {page:?}");
}

#[tokio::test]
async fn a_cancelled_job_can_be_retried_and_a_good_one_cannot() {
    let mut system = Plan::new().workers(0).start().await.unwrap();
    let client = system.client();
    let job = client.submit(&picture("a lighthouse", 2)).await.unwrap();
    client.cancel(job.id).await.unwrap();
    client.until_state(job.id, JobState::Cancelled, LIMIT).await.unwrap();
    let retry = format!("/api/jobs/{}/retry", job.id);
    let answer = client.request(Method::POST, &retry).unwrap().send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let worker = system.start_worker().unwrap();
    system.workers.push(worker);
    let ended = client.until_end(job.id, LIMIT).await.unwrap();
    assert!(ended.state == JobState::Succeeded && !ended.cancel_requested, "{ended:?}");
    let answer = client.request(Method::POST, &retry).unwrap().send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_finishes_its_job_takes_no_other_and_ends_well() {
    let mut system = Plan::new().engine(Engine::Scripted(Duration::from_millis(30))).start().await.unwrap();
    let client = system.client();
    let running = client.submit(&picture("the last one", 40)).await.unwrap();
    client.until_state(running.id, JobState::Running, LIMIT).await.unwrap();
    let waiting = client.submit(&picture("for another worker", 2)).await.unwrap();
    system.workers[0].signal(Signal::TERM);
    let draining = tests::wait::until(LIMIT, "a draining worker", || async {
        let workers = client.workers().await.ok()?;
        workers.into_iter().find(|worker| worker.state == WorkerState::Draining)
    });
    draining.await.unwrap();
    let status = system.workers[0].wait(LIMIT).await.unwrap();
    assert!(status.success(), "{status}");
    let ended = client.until_end(running.id, LIMIT).await.unwrap();
    assert_eq!((ended.state, ended.attempts), (JobState::Succeeded, 1));
    assert_eq!(client.job(waiting.id).await.unwrap().state, JobState::Queued);
    client.until_workers(0, LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_job_that_is_too_long_for_a_stop_goes_to_another_worker_without_costing_an_attempt() {
    let plan = Plan::new().engine(Engine::Scripted(Duration::from_millis(50))).set("drain_s", &0);
    let mut system = plan.start().await.unwrap();
    let client = system.client();
    let job = client.submit(&picture("a long one", 40)).await.unwrap();
    client.until_state(job.id, JobState::Running, LIMIT).await.unwrap();
    let status = system.workers[0].stop(LIMIT).await.unwrap();
    assert!(status.success(), "{status}");
    let worker = system.start_worker().unwrap();
    system.workers.push(worker);
    let ended = client.until_end(job.id, LIMIT).await.unwrap();
    assert_eq!((ended.state, ended.attempts), (JobState::Succeeded, 1));
}
