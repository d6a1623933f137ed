//! Where tags are shown, and which pictures get any.

use contract::{
    AssetId,
    asset::Asset,
    job::{Job, Priority},
    page::Page,
    problem::ProblemCode,
    system::System,
    tag::{Facet, TagSource, Tagging, TaggingState},
    text::{
        TextRequest,
        chat::{Message, Part},
        sampling::AnswerFormat,
    },
    worker::WorkerState,
};
use reqwest::StatusCode;
use serde_json::json;

use super::{
    super::house::MODEL,
    studio::{AT_ONCE, Studio, tag},
};
use crate::wait::until_true;

#[tokio::test]
async fn a_picture_is_tagged_by_the_model_that_looks_at_it_and_its_tags_are_shown_everywhere() {
    let mut studio = Studio::open().await;
    let (job, picture) = studio.paint("a lighthouse by the sea").await;
    let lease = studio.asked().await;
    assert_eq!(lease.job.model, MODEL);
    assert_eq!(lease.job.inputs.iter().map(|input| input.id).collect::<Vec<_>>(), [picture]);
    let TextRequest::Chat(chat) = &lease.job.request else { panic!("{:?}", lease.job.request) };
    assert!(matches!(chat.sampling.format, AnswerFormat::JsonSchema { .. }));
    assert!(chat.messages.iter().any(|message| matches!(message, Message::User { parts }
        if parts.contains(&Part::Image { asset: picture }))));
    assert!(!format!("{chat:?}").contains("lighthouse by the sea"), "whoever looks does not read");
    let waiting = studio.tagging(picture).await;
    assert_eq!((waiting.state, waiting.failures), (Some(TaggingState::Waiting), 0));
    tag(lease).await;

    let tagged = studio.until(picture, |tagging| tagging.state == Some(TaggingState::Tagged)).await;
    let told: Vec<_> = tagged.tags.iter().map(|tag| (tag.tag.as_str(), tag.facet, tag.confidence.unwrap())).collect();
    assert_eq!(
        told[..3],
        [("lighthouse", Facet::Subject, 0.95), ("sea", Facet::Subject, 0.9), ("oil painting", Facet::Style, 0.85)]
    );
    assert_eq!((told.len(), told[9]), (10, ("hopeful", Facet::Mood, 0.05)));
    assert!(tagged.tags.iter().all(|tag| tag.source == TagSource::Picture { model: MODEL.to_owned() }));

    let house = &studio.house;
    let shown: Job = house.get(&format!("/api/jobs/{job}")).await.json();
    assert_eq!((shown.tags.len(), shown.tags[0].asset_id, &shown.tags[0].tags), (1, picture, &tagged.tags));
    let found = async |query: &str| house.get(&format!("/api/assets?{query}")).await.json::<Page<Asset>>().data;
    assert_eq!(found("").await[0].tags, tagged.tags);
    assert_eq!(found("tag=Oil_Painting").await[0].tags, tagged.tags);
    assert_eq!(found("tag=oil").await, []);
    assert_eq!(house.get(&format!("/api/assets?tag={}", "x".repeat(41))).await.problem().status, 422);
    let system: System = house.get("/api/system").await.json();
    assert!(system.tagging.is_on && (system.tagging.waiting, system.tagging.set_aside) == (0, 0));
    let metrics = house.get("/metrics").await.text();
    assert!(metrics.contains(r#"atelier_pictures_untagged{state="waiting"} 0"#), "{metrics}");
    assert!(metrics.contains(r#"atelier_taggings_total{outcome="tagged"}"#), "{metrics}");
    studio.assert_not_asked().await;
}

#[tokio::test]
async fn uploads_and_contact_sheets_are_not_tagged_and_a_person_hears_why() {
    let mut studio = Studio::open().await;
    let upload = studio.upload().await;
    let sheet = studio.make("contact_sheet", &json!({ "cells": [upload], "columns": 1 })).await;
    for id in [upload, sheet] {
        let tagging = studio.tagging(id).await;
        assert_eq!((tagging.state, tagging.tags), (None, vec![]));
        let refused = studio.house.post(&format!("/api/assets/{id}/tags/retry"), &json!({})).await.problem();
        assert_eq!(refused.code, ProblemCode::Conflict);
    }
    let nobody = AssetId::new();
    assert_eq!(studio.house.get(&format!("/api/assets/{nobody}/tags")).await.status, StatusCode::NOT_FOUND);
    let retry = studio.house.post(&format!("/api/assets/{nobody}/tags/retry"), &json!({})).await;
    assert_eq!(retry.status, StatusCode::NOT_FOUND);
    studio.assert_not_asked().await;
}

#[tokio::test]
async fn one_setting_turns_it_off() {
    let off = [AT_ONCE, &[("ATELIER_AUTO_TAGGING", "false")]].concat();
    let mut studio = Studio::open_with(&off).await;
    studio.announce(WorkerState::Idle, &[MODEL]).await;
    let (_, picture) = studio.paint("a lighthouse").await;
    studio.assert_not_asked().await;
    let system: System = studio.house.get("/api/system").await.json();
    assert!(!system.tagging.is_on && system.tagging.waiting == 1, "it waits for the day when it is turned on");
    let refused = studio.house.post(&format!("/api/assets/{picture}/tags/retry"), &json!({})).await.problem();
    assert!(refused.detail.contains("ATELIER_AUTO_TAGGING"), "{}", refused.detail);
}

#[tokio::test]
async fn a_picture_that_has_tags_can_be_tagged_again() {
    let mut studio = Studio::open().await;
    let (_, picture) = studio.paint("a lighthouse").await;
    tag(studio.asked().await).await;
    let before = studio.until(picture, |tagging| tagging.state == Some(TaggingState::Tagged)).await;
    let answer = studio.house.post(&format!("/api/assets/{picture}/tags/retry"), &json!({})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let again: Tagging = answer.json();
    assert_eq!((again.state, again.tags), (Some(TaggingState::Waiting), before.tags));
    tag(studio.asked().await).await;
    studio.until(picture, |tagging| tagging.state == Some(TaggingState::Tagged)).await;
}

#[tokio::test]
async fn of_all_text_that_waits_tags_are_the_last() {
    let mut studio = Studio::open().await;
    studio.paint("a lighthouse").await;
    // Nobody takes it, so it lies in a lane; lanes are listed by their rank.
    let lanes = |of: &str| studio.house.valkey.ask(&format!("ZCOUNT {{atelier}}:lanes:llm {of}")).unwrap();
    until_true("a request in a lane", async || lanes("-inf +inf").trim() == ":1").await;
    let last = Priority::Batch.rank();
    assert_eq!(lanes(&format!("{last} {last}")).trim(), ":1");
}
