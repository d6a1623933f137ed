//! Jobs outlive the processes that handle them.

use std::time::Duration;

use contract::job::{Attempt, JobState};
use contract::page::Page;
use reqwest::StatusCode;
use tests::plan::{Engine, Plan};

use crate::{LIMIT, pictures::picture};

const STEP: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_job_survives_the_sudden_death_of_its_worker() {
    let plan = Plan::new().workers(2).engine(Engine::Scripted(STEP)).set("lease_ms", &1500);
    let mut system = plan.start().await.unwrap();
    let client = system.client();
    let job = client.submit(&picture("a lighthouse", 40)).await.unwrap();
    client.until_state(job.id, JobState::Running, LIMIT).await.unwrap();
    let holder = tests::wait::until(LIMIT, "the holder", || async {
        client.workers().await.ok()?.into_iter().find(|worker| worker.job_id == Some(job.id))
    });
    let holder = holder.await.unwrap();
    let victim = system.workers.iter_mut().find(|worker| worker.log().contains(&holder.name)).expect("the process");
    victim.kill();

    let ended = client.until_end(job.id, LIMIT).await.unwrap();
    assert_eq!((ended.state, ended.attempts), (JobState::Succeeded, 2));
    let attempts: Page<Attempt> = client.get_json(&format!("/api/jobs/{}/attempts", job.id)).await.unwrap();
    let names: std::collections::BTreeSet<_> = attempts.data.iter().map(|attempt| attempt.worker.as_str()).collect();
    assert_eq!(names.len(), 2, "two workers had it: {attempts:?}");
    client.until_workers(1, LIMIT).await.unwrap();
}

#[tokio::test]
async fn jobs_survive_the_sudden_death_of_the_api_and_of_valkey() {
    let plan = Plan::new().engine(Engine::Scripted(STEP)).set("lease_ms", &1500);
    let mut system = plan.start().await.unwrap();
    let client = system.client();
    let mut jobs = Vec::new();
    for number in 0..6 {
        jobs.push(client.submit(&picture(&format!("lighthouse {number}"), 10)).await.unwrap().id);
    }
    client.until_state(jobs[0], JobState::Running, LIMIT).await.unwrap();
    system.apis[0].kill();
    system.valkey.kill9().unwrap();
    system.valkey.restart().unwrap();
    system.valkey.flush().unwrap();
    system.apis[0] = system.start_api(0).await.unwrap();
    for job in jobs {
        let ended = client.until_end(job, LIMIT).await.unwrap();
        assert_eq!(ended.state, JobState::Succeeded, "{ended:?}");
    }
}

#[tokio::test]
async fn while_valkey_is_away_jobs_are_accepted_and_run_when_it_is_back() {
    let system = Plan::new().set("lease_ms", &1500).start().await.unwrap();
    let client = system.client();
    system.valkey.kill9().unwrap();
    let job = client.submit(&picture("patience", 2)).await.unwrap();
    assert_eq!(client.job(job.id).await.unwrap().state, JobState::Queued);
    let unready = tests::wait::until(LIMIT, "the API to say that it is not well", || async {
        (client.get("/readyz").await.ok()?.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    });
    unready.await.unwrap();
    assert_eq!(client.get("/livez").await.unwrap().status(), StatusCode::OK);
    system.valkey.restart().unwrap();
    client.until_state(job.id, JobState::Succeeded, LIMIT).await.unwrap();
}
