//! Tags through the whole system: a picture by the real engine, and llama-server with the tiny model that looks at it.

use std::collections::BTreeSet;

use contract::{
    JobId,
    job::{Job, JobState},
    spec::WorkerKind,
    system::System as State,
    tag::{TagSource, Tagging, TaggingState},
};
use queue::Queue;
use reqwest::StatusCode;
use serde_json::json;
use tests::{
    client::Client,
    plan::{Engine, Plan},
    wait,
};

use crate::LIMIT;

fn plan() -> Plan {
    let plan = Plan::new().engine(Engine::StableDiffusion).text_workers(1).set("auto_tagging", &true);
    plan.set("tagging_idle_s", &1).set("tagging_load_idle_s", &1)
}

async fn paint(client: &Client) -> JobId {
    let picture = json!({"prompt": "a lighthouse", "seed": 7, "width": 64, "height": 64, "steps": 2, "cfg_scale": 1.0});
    let job = client.submit(&picture).await.unwrap();
    client.until_state(job.id, JobState::Succeeded, LIMIT).await.unwrap();
    job.id
}

async fn until_tagged(client: &Client, id: JobId) -> Job {
    client.until_job(id, "a picture with tags", LIMIT, |job| !job.tags.is_empty()).await.unwrap()
}

#[tokio::test]
async fn a_picture_has_its_tags_some_time_after_it_was_made() {
    let system = plan().start().await.unwrap();
    let client = system.client();
    let id = paint(&client).await;
    let job = until_tagged(&client, id).await;
    let [of_picture] = job.tags.as_slice() else { panic!("{:?}", job.tags) };
    assert_eq!(of_picture.asset_id, job.result.unwrap().assets[0].id);
    let tags = &of_picture.tags;
    assert!((8..=12).contains(&tags.len()), "{tags:?}");
    assert_eq!(tags.iter().map(|tag| &tag.tag).collect::<BTreeSet<_>>().len(), tags.len(), "{tags:?}");
    for tag in tags {
        assert_eq!(tag.source, TagSource::Picture { model: "smoke".to_owned() });
        assert!((0.0..=1.0).contains(&tag.confidence.unwrap()), "{tag:?}");
        assert!(!tag.tag.is_empty() && tag.tag == tag.tag.to_lowercase() && tag.tag == tag.tag.trim(), "{tag:?}");
    }
    let state: State = client.get_json("/api/system").await.unwrap();
    assert_eq!((state.tagging.waiting, state.tagging.set_aside), (0, 0));
}

#[tokio::test]
async fn a_chat_that_comes_while_a_picture_is_tagged_is_answered_and_the_picture_tagged_afterwards() {
    let system = plan().start().await.unwrap();
    let client = system.client();
    let queue = Queue::connect(&system.valkey.url(), "atelier").await.unwrap();
    let id = paint(&client).await;
    let job = client.job(id).await.unwrap();
    let picture = job.result.unwrap().assets[0].id;
    let chat = json!({"model": "smoke", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5});
    // The tiny model is quick: now and then the chat comes too late to interrupt anything.
    wait::until(10 * LIMIT, "a tagging that was interrupted", || async {
        let is_asked = || async { queue.depth(WorkerKind::Llm).await.ok().filter(|depth| depth.running > 0) };
        wait::until(LIMIT, "the model to be asked", is_asked).await.unwrap();
        let answer = client.post("/v1/chat/completions", &chat).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let metrics = client.get("/metrics").await.unwrap().text().await.unwrap();
        let is_interrupted = metrics.contains(r#"atelier_taggings_total{outcome="interrupted"}"#);
        if !is_interrupted {
            until_tagged(&client, id).await;
            let again = client.post(&format!("/api/assets/{picture}/tags/retry"), &json!({})).await.unwrap();
            assert_eq!(again.status(), StatusCode::ACCEPTED);
        }
        is_interrupted.then_some(())
    })
    .await
    .unwrap();
    let tagged = wait::until(LIMIT, "a picture with tags", || async {
        let tagging: Tagging = client.get_json(&format!("/api/assets/{picture}/tags")).await.ok()?;
        (tagging.state == Some(TaggingState::Tagged)).then_some(tagging)
    });
    assert_eq!(tagged.await.unwrap().failures, 0);
}
