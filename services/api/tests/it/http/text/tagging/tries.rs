//! What fails is tried again, later each time, and then set aside.

use std::time::Duration;

use contract::{
    job::FailureCode,
    tag::{TagSource, TaggingState},
    text::TextJob,
};
use queue::Lease;
use reqwest::StatusCode;
use serde_json::json;

use super::{
    super::house::{answer, end, failed},
    studio::{Studio, tag, words},
};

async fn fail(lease: Lease<TextJob>) {
    end(lease, 0, vec![failed(FailureCode::EngineCrashed, "the engine died")]).await;
}

#[tokio::test]
async fn what_fails_three_times_is_set_aside_with_the_reason_until_a_person_wants_it() {
    let mut studio = Studio::open().await;
    let picture = studio.enlarge().await;
    let mut last = studio.clock.now();
    for (failures, wait_s) in [(1, 0), (2, 60), (3, 600)] {
        let lease = studio.asked_while(Duration::from_millis(if failures == 3 { 1000 } else { 100 })).await;
        let now = studio.clock.now();
        assert!(now >= last + Duration::from_secs(wait_s), "the try of number {failures} came after {}", now - last);
        last = now;
        fail(lease).await;
        let tagging = studio.until(picture, |tagging| tagging.failures == failures).await;
        assert_eq!(tagging.reason.as_deref(), Some("the engine died do this"));
        let state = if failures == 3 { TaggingState::SetAside } else { TaggingState::Waiting };
        assert_eq!(tagging.state, Some(state));
    }
    studio.assert_not_asked().await;
    let answer = studio.house.post(&format!("/api/assets/{picture}/tags/retry"), &json!({})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    tag(studio.asked_while(Duration::from_millis(1000)).await).await;
    let tagged = studio.until(picture, |tagging| tagging.state == Some(TaggingState::Tagged)).await;
    assert_eq!((tagged.failures, tagged.reason), (0, None));
}

#[tokio::test]
async fn the_last_time_a_picture_that_nobody_can_look_at_is_tagged_from_its_prompt() {
    let mut studio = Studio::open().await;
    let (_, picture) = studio.paint("a lighthouse").await;
    for failures in 1..3 {
        let lease = studio.asked_while(Duration::from_millis(1000)).await;
        assert_eq!(lease.job.inputs.len(), 1);
        fail(lease).await;
        studio.until(picture, |tagging| tagging.failures == failures).await;
    }
    let lease = studio.asked_while(Duration::from_millis(1000)).await;
    assert_eq!(lease.job.inputs, []);
    tag(lease).await;
    let tagged = studio.until(picture, |tagging| tagging.state == Some(TaggingState::Tagged)).await;
    assert!(tagged.tags.iter().all(|tag| matches!(tag.source, TagSource::Prompt { .. })));
}

#[tokio::test]
async fn too_few_tags_that_differ_are_no_answer_and_the_model_hears_why() {
    let mut studio = Studio::open().await;
    let picture = studio.enlarge().await;
    let mut few = words();
    for facet in ["subject", "style", "mood"] {
        for word in few[facet].as_array_mut().unwrap() {
            word["tag"] = json!(facet);
        }
    }
    answer(studio.asked().await, &few.to_string()).await;
    let again = studio.asked().await;
    let told = format!("{:?}", again.job.request);
    assert!(told.contains("only 3 of its tags are different words, and 8 are needed"), "{told}");
    answer(again, "I cannot say").await;
    answer(studio.asked().await, &few.to_string()).await;
    let tagging = studio.until(picture, |tagging| tagging.failures == 1).await;
    assert!(tagging.reason.unwrap().contains("gave no answer that can be used, 3 times in a row"));
    assert_eq!(tagging.tags, []);
}
