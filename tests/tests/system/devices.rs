//! Several devices: a worker for each, and jobs where they fit.

use contract::job::{FailureCode, JobState};
use serde_json::json;
use tests::plan::{Engine, Plan};

use crate::LIMIT;

#[tokio::test]
async fn a_picture_that_is_too_large_for_one_device_is_made_on_a_larger_one() {
    let plan = Plan::new().engine(Engine::StableDiffusion).set("device", &"cpu:0").set("memory_mib", &300);
    let mut system = plan.start().await.unwrap();
    let client = system.client();
    let small = json!({"prompt": "a lake", "width": 64, "height": 64, "steps": 1, "cfg_scale": 1.0});
    let large = json!({"prompt": "a lake", "width": 1024, "height": 1024, "steps": 150});

    // As long as there is no other device, it fails with the numbers.
    let job = client.submit(&large).await.unwrap();
    let failure = client.until_end(job.id, LIMIT).await.unwrap().failure.expect("it does not fit");
    assert_eq!(failure.code, FailureCode::TooLarge);
    assert!(failure.message.contains("there are 300 MiB"), "{failure:?}");

    let more = [("ATELIER_DEVICE", "cpu:1"), ("ATELIER_MEMORY_MIB", "100000")];
    let second = system.start_worker_with(&more).unwrap();
    system.workers.push(second);
    let workers = client.until_workers(2, LIMIT).await.unwrap();
    let larger = workers.into_iter().find(|worker| worker.memory_mib == Some(100_000)).expect("the larger one").name;
    let works_on = async |id| {
        let workers = client.workers().await.unwrap();
        workers.into_iter().find(|worker| worker.job_id == Some(id)).map(|worker| worker.name)
    };
    let first = client.submit(&large).await.unwrap();
    client.until_state(first.id, JobState::Running, LIMIT).await.unwrap();
    tests::wait::until(LIMIT, "the larger one to work on it", || async {
        (works_on(first.id).await.as_ref() == Some(&larger)).then_some(())
    })
    .await
    .unwrap();

    // While that one is busy, the small one takes the next, leaves it where it is, and does what fits.
    let second = client.submit(&large).await.unwrap();
    let fitting = client.submit(&small).await.unwrap();
    client.until_state(fitting.id, JobState::Succeeded, LIMIT).await.unwrap();
    let waiting = client.job(second.id).await.unwrap();
    assert_eq!(waiting.state, JobState::Queued);
    assert_eq!(waiting.waits_for, Some(format!("It does not fit into 300 MiB of memory, and waits for {larger}.")));
    client.cancel(first.id).await.unwrap();
    client.until_state(second.id, JobState::Running, LIMIT).await.unwrap();
    let attempts = client.job(second.id).await.unwrap().attempts;
    assert!(attempts <= 1, "being passed on cost an attempt: {attempts}");
    client.cancel(second.id).await.unwrap();
    client.until_state(second.id, JobState::Cancelled, LIMIT).await.unwrap();
}
