//! Who comes first, and what the lists say.

use std::time::Duration;

use contract::{
    JobId,
    job::{Job, JobState},
    page::Page,
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tests::{
    client::Client,
    plan::{Engine, Plan},
};

use crate::{LIMIT, pictures::picture};

async fn submit(client: &Client, prompt: &str, priority: &str) -> JobId {
    let path = format!("/api/workflows/text_to_image?priority={priority}");
    let job: Job = tests::client::read(client.post(&path, &picture(prompt, 2)).await.unwrap()).await.unwrap();
    job.id
}

#[tokio::test]
async fn the_urgent_come_first_and_a_moved_job_overtakes_its_equals() {
    let mut system = Plan::new().workers(0).engine(Engine::Scripted(Duration::from_millis(1))).start().await.unwrap();
    let client = system.client();
    let batch = submit(&client, "batch", "batch").await;
    let first = submit(&client, "first", "normal").await;
    let second = submit(&client, "second", "normal").await;
    let urgent = submit(&client, "urgent", "interactive").await;
    let moved = client.post(&format!("/api/jobs/{second}/move"), &json!({"to": "front"})).await.unwrap();
    assert_eq!(moved.status(), StatusCode::OK);

    let worker = system.start_worker().unwrap();
    system.workers.push(worker);
    let mut jobs = Vec::new();
    for id in [urgent, second, first, batch] {
        jobs.push(client.until_state(id, JobState::Succeeded, LIMIT).await.unwrap());
    }
    let started: Vec<_> = jobs.iter().map(|job| job.result.as_ref().unwrap().timeline.leased_at).collect();
    assert!(started.is_sorted(), "{started:?}");
    let too_late = client.post(&format!("/api/jobs/{second}/move"), &json!({"to": "back"})).await.unwrap();
    assert_eq!(too_late.status(), StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_list_is_read_page_by_page_newest_first_and_filtered() {
    let system = Plan::new().workers(0).start().await.unwrap();
    let client = system.client();
    let mut ids = Vec::new();
    for number in 0..7 {
        ids.push(client.submit(&picture(&format!("Lighthouse {number}"), 2)).await.unwrap().id);
    }
    client.cancel(ids[3]).await.unwrap();
    client.until_state(ids[3], JobState::Cancelled, LIMIT).await.unwrap();

    let (mut seen, mut path) = (Vec::new(), "/api/jobs?limit=3".to_owned());
    loop {
        let page: Page<Job> = client.get_json(&path).await.unwrap();
        assert!(page.data.len() <= 3);
        assert_eq!(page.has_more, page.next_cursor.is_some());
        seen.extend(page.data.iter().map(|job| job.id));
        let Some(cursor) = page.next_cursor else { break };
        path = format!("/api/jobs?limit=3&cursor={cursor}");
    }
    ids.reverse();
    assert_eq!(seen, ids);
    let cancelled: Page<Job> = client.get_json("/api/jobs?state=cancelled").await.unwrap();
    assert_eq!(cancelled.data.iter().map(|job| job.id).collect::<Vec<_>>(), [ids[3]]);
    let found: Page<Job> = client.get_json("/api/jobs?text=lighthouse%205&state=queued").await.unwrap();
    assert_eq!(found.data.iter().map(|job| job.id).collect::<Vec<_>>(), [ids[1]]);
    let answer = client.request(Method::GET, "/api/jobs?colour=red").unwrap().send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "an unknown filter would show too much");
}
