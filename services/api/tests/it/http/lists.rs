//! Lists, single jobs, and what people do with them.

use contract::{
    job::{Attempt, Job, JobState},
    page::Page,
    problem::ProblemCode,
};
use queue::Accepted;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::house::{House, next_job, send, succeed};
use crate::sample::{failure, file, result};
use crate::wait::until;

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let house = House::open().await;
    let mut submitted = Vec::new();
    for number in 0..7 {
        submitted.push(house.submit(&format!("picture {number}")).await.id);
    }
    submitted.reverse();
    let (mut found, mut path) = (Vec::new(), "/api/jobs?limit=3".to_owned());
    loop {
        let page: Page<Job> = house.get(&path).await.json();
        found.extend(page.data.iter().map(|job| job.id));
        assert_eq!(page.has_more, page.next_cursor.is_some());
        let Some(cursor) = page.next_cursor else { break };
        // What comes in meanwhile stands before the first page, and moves nothing.
        house.submit("newer").await;
        path = format!("/api/jobs?limit=3&cursor={cursor}");
    }
    assert_eq!(found, submitted);
}

#[tokio::test]
async fn filters_are_combined() {
    let house = House::open().await;
    let sea = house.submit("the SEA at dawn").await;
    let tower = house.submit("a tower by the sea").await;
    let path = format!("/api/jobs/{}", tower.id);
    house.delete(&path).await;
    house.wait_for(&path, "state", "cancelled").await;
    let ids = async |query: &str| {
        let page: Page<Job> = house.get(&format!("/api/jobs?{query}")).await.json();
        page.data.iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(ids("text=sea").await, [tower.id, sea.id]);
    assert_eq!(ids("state=queued&text=sea").await, [sea.id]);
    assert_eq!(ids("state=queued,cancelled&kind=text_to_image").await, [tower.id, sea.id]);
    assert_eq!(ids("state=queued&state=cancelled").await, [tower.id, sea.id]);
    assert_eq!(ids("state=dead").await, []);
    assert_eq!(ids("text=%25").await, []);
}

#[tokio::test]
async fn a_query_with_mistakes_names_them_all() {
    let house = House::open().await;
    let answer = house.get("/api/jobs?limit=0&state=runing&cursor=x&stat=1&kind=text").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let problem = answer.problem();
    let pointers: Vec<&str> = problem.errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(pointers, ["state", "kind", "cursor", "limit", "stat"]);
    for query in ["limit=201", "limit=-1", "limit=x", "limit=1e2", "limit=1&limit=2", "text=%00", "text=a&text=b"] {
        let answer = house.get(&format!("/api/jobs?{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    let long = "x".repeat(201);
    assert_eq!(house.get(&format!("/api/jobs?text={long}")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        house.post("/api/workflows/text_to_image?priority=high", &json!({})).await.problem().errors[0].pointer,
        "priority"
    );
}

#[tokio::test]
async fn a_running_job_shows_its_progress_in_the_list_and_alone() {
    let house = House::open().await;
    let job = house.submit("x").await;
    let mut worker = house.worker().await;
    let lease = next_job(&mut worker).await;
    lease.report(super::events::progress(5, 20));
    let path = format!("/api/jobs/{}", job.id);
    let progress = async || Some(house.get(&path).await.json::<Job>()).filter(|found| found.progress.is_some());
    let found = until("progress", progress).await;
    assert_eq!((found.state, found.attempts, found.progress.unwrap().step), (JobState::Running, 1, 5));
    let page: Page<Job> = house.get("/api/jobs?limit=1").await.json();
    assert_eq!(page.data[0].progress.as_ref().unwrap().steps, 20);
}

#[tokio::test]
async fn a_waiting_job_is_cancelled_at_once_and_a_running_one_soon() {
    let house = House::open().await;
    let (mut worker, waiting, running) =
        (house.worker().await, house.submit("waits").await, house.submit("runs").await);
    let path = format!("/api/jobs/{}", waiting.id);
    let answer = house.delete(&path).await;
    assert!(answer.status == StatusCode::OK || answer.status == StatusCode::ACCEPTED, "{}", answer.text());
    house.wait_for(&path, "state", "cancelled").await;
    // Saying it again changes nothing.
    assert_eq!(house.delete(&path).await.status, StatusCode::OK);

    let lease = next_job(&mut worker).await;
    assert_eq!(lease.job.id, running.id);
    let path = format!("/api/jobs/{}", running.id);
    let answer = house.delete(&path).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert!(answer.json::<Job>().cancel_requested);
    tokio::time::timeout(crate::wait::PATIENCE, lease.cancelled().cancelled()).await.expect("the worker hears it");
    assert_eq!(lease.cancel().await.unwrap(), Accepted::Yes);
    house.wait_for(&path, "state", "cancelled").await;
}

#[tokio::test]
async fn what_has_ended_well_can_be_neither_cancelled_nor_retried() {
    let house = House::open().await;
    let job = house.submit("x").await;
    let mut worker = house.worker().await;
    let path = format!("/api/jobs/{}", job.id);
    assert_eq!(house.post(&format!("{path}/retry"), &json!({})).await.problem().code, ProblemCode::Conflict);
    succeed(next_job(&mut worker).await, &result(vec![file('a')])).await;
    house.wait_for(&path, "state", "succeeded").await;
    for answer in [
        house.delete(&path).await,
        send(house.request(Method::POST, &format!("{path}/retry"))).await,
        house.post(&format!("{path}/move"), &json!({ "to": "front" })).await,
    ] {
        assert_eq!((answer.status, answer.problem().code), (StatusCode::CONFLICT, ProblemCode::Conflict));
    }
    let asset = format!("/api/assets/{}", file('a').id);
    assert_eq!(house.get(&asset).await.status, StatusCode::NOT_FOUND);
    let assets: Value = house.get("/api/assets").await.json();
    assert_eq!(assets["data"][0]["job_id"], job.id.to_string());
}

#[tokio::test]
async fn a_failed_job_gets_another_try_and_keeps_its_attempts() {
    let house = House::open().await;
    let job = house.submit("x").await;
    let mut worker = house.worker().await;
    let path = format!("/api/jobs/{}", job.id);
    assert_eq!(
        next_job(&mut worker).await.fail(queue::Outcome::Failed, &failure("the model is broken")).await.unwrap(),
        Accepted::Yes
    );
    let failed = house.wait_for(&path, "state", "failed").await;
    assert_eq!(failed["failure"]["message"], "the model is broken");

    let answer = send(house.request(Method::POST, &format!("{path}/retry"))).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::ACCEPTED, path.as_str()));
    succeed(next_job(&mut worker).await, &result(vec![file('b')])).await;
    house.wait_for(&path, "state", "succeeded").await;
    let attempts: Page<Attempt> = house.get(&format!("{path}/attempts")).await.json();
    let outcomes: Vec<_> = attempts.data.iter().map(|attempt| attempt.outcome.as_deref().unwrap_or("none")).collect();
    assert_eq!(outcomes, ["failed", "succeeded"]);
}

#[tokio::test]
async fn a_job_that_is_moved_to_the_front_runs_next() {
    let house = House::open().await;
    let mut last = None;
    for number in 0..4 {
        last = Some(house.submit(&format!("picture {number}")).await);
    }
    let last = last.unwrap();
    let answer = house.post(&format!("/api/jobs/{}/move", last.id), &json!({ "to": "front" })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    // The window is drawn again with the moved job at its head before a worker looks.
    let mut worker = house.worker().await;
    until("the moved job", async || house.queue.generations(&[last.id]).await.unwrap()[0]).await;
    assert_eq!(next_job(&mut worker).await.job.id, last.id);
}
