//! Tags on record, how far the tagging of each picture is, and whose turn it is.

use std::time::Duration;

use api::db::{Db, NewAsset, NewJob, Sense, TaggingRetry, TaggingTurn};
use contract::{
    AssetId, JobId,
    spec::WorkerKind,
    tag::{Facet, Tag, TagSource, TaggingState},
};

use super::ground::{Ground, on_both};
use crate::sample::{file, new_job, noon};

on_both!(
    however_many_ask_one_has_the_turn,
    a_turn_that_was_lost_writes_nothing,
    tags_are_found_with_who_says_so_and_how_sure,
    what_a_person_said_stays_when_a_model_says_something_else,
    the_newest_picture_is_the_first_and_who_only_reads_passes_over_what_has_no_prompt,
    what_fails_waits_until_its_time_and_is_set_aside_until_a_person_wants_it,
    pictures_from_before_wait_for_their_tags_too,
    only_jobs_that_nobody_paused_are_pending,
);

const NOW: i64 = 1_800_000_000_000_000;
const LATER: i64 = NOW + 60_000_000;

/// Puts a picture of a job on record, so many seconds after noon, that waits to be tagged.
async fn picture(ground: &Ground, second: u64) -> (AssetId, JobId) {
    picture_of(ground, second, &new_job("ann")).await
}

async fn picture_of(ground: &Ground, second: u64, job: &NewJob) -> (AssetId, JobId) {
    ground.db.insert_job(job).await.unwrap();
    let created_at = noon() + Duration::from_secs(second);
    let (parents, owner) = (Vec::new(), "ann".to_owned());
    let asset = NewAsset { file: file('a'), job_id: Some(job.id), parents, owner, created_at };
    ground.db.insert_asset(&asset).await.unwrap();
    let sql = "INSERT INTO taggings (asset_id, created_at, needs_vision) \
               SELECT id, created_at, FALSE FROM assets WHERE job_id IS NOT NULL AND id NOT IN (SELECT asset_id FROM taggings)";
    assert_eq!(ground.run(sql).await.unwrap(), 1);
    (asset.file.id, job.id)
}

async fn take(db: &Db) -> Option<TaggingTurn> {
    db.take_tagging_turn(Sense::Sight, NOW, LATER).await.unwrap()
}

fn tag(word: &str, facet: Facet, confidence: f64) -> Tag {
    let source = TagSource::Picture { model: "eye".to_owned() };
    Tag { tag: word.to_owned(), facet, source, confidence: Some(confidence), tagged_at: noon() }
}

fn two() -> Vec<Tag> {
    vec![tag("calm", Facet::Mood, 0.25), tag("lighthouse", Facet::Subject, 0.875)]
}

async fn however_many_ask_one_has_the_turn(ground: Ground) {
    let (newer, older) = (picture(&ground, 2).await.0, picture(&ground, 1).await.0);
    let other = Db::open(&ground.url).await.unwrap();
    let asked = (0..8).map(|number| take(if number % 2 == 0 { &ground.db } else { &other }));
    let turns: Vec<_> = futures::future::join_all(asked).await.into_iter().flatten().collect();
    let [turn] = turns.as_slice() else { panic!("{turns:?}") };
    assert_eq!((turn.picture.id, turn.prompt.as_deref(), turn.failures), (newer, Some("a lighthouse"), 0));
    assert!(other.put_tags(turn, &two()).await.unwrap());
    let next = take(&other).await.unwrap();
    assert_eq!(next.picture.id, older);
    assert_eq!(take(&ground.db).await, None);
    other.give_tagging_turn_back(&next).await.unwrap();
    assert_eq!(take(&ground.db).await.unwrap().picture.id, older);
}

async fn a_turn_that_was_lost_writes_nothing(ground: Ground) {
    let (id, _) = picture(&ground, 0).await;
    let first = take(&ground.db).await.unwrap();
    assert!(ground.db.keep_tagging_turn(&first, LATER).await.unwrap());
    assert_eq!(ground.db.take_tagging_turn(Sense::Sight, LATER - 1, i64::MAX).await.unwrap(), None);
    let second = ground.db.take_tagging_turn(Sense::Sight, LATER, i64::MAX).await.unwrap().unwrap();
    assert!(!ground.db.keep_tagging_turn(&first, i64::MAX).await.unwrap());
    assert!(!ground.db.put_tags(&first, &two()).await.unwrap());
    assert!(!ground.db.note_tagging_failure(&first, "no", None).await.unwrap());
    ground.db.give_tagging_turn_back(&first).await.unwrap();
    let tagging = ground.db.find_tagging(id).await.unwrap().unwrap();
    assert_eq!((tagging.state, tagging.failures, tagging.tags), (Some(TaggingState::Waiting), 0, vec![]));
    assert!(ground.db.put_tags(&second, &two()).await.unwrap());
    assert_eq!(ground.db.find_tagging(id).await.unwrap().unwrap().state, Some(TaggingState::Tagged));
}

async fn tags_are_found_with_who_says_so_and_how_sure(ground: Ground) {
    let mut ids = Vec::new();
    for second in 0..5 {
        ids.push(picture(&ground, second).await);
        let turn = take(&ground.db).await.unwrap();
        let tags = if second == 3 { vec![tag("rare", Facet::Style, 1.0)] } else { two() };
        assert!(ground.db.put_tags(&turn, &tags).await.unwrap());
    }
    let surest_first = two().into_iter().rev().collect::<Vec<_>>();
    let (asset, job) = ids[0];
    assert_eq!(ground.db.list_tags(asset).await.unwrap(), surest_first);
    assert_eq!(ground.db.find_asset(asset).await.unwrap().unwrap().tags, surest_first);
    let of_job = ground.db.list_tags_of_job(job).await.unwrap();
    assert_eq!(of_job.iter().map(|of| (of.asset_id, &of.tags)).collect::<Vec<_>>(), [(asset, &surest_first)]);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = ground.db.list_assets(Some("calm"), after, 2).await.unwrap();
        assert!(page.data.iter().all(|asset| asset.tags == surest_first));
        found.extend(page.data.iter().map(|asset| asset.file.id));
        match page.next_cursor {
            Some(cursor) => after = Some(cursor.parse().unwrap()),
            None => break,
        }
    }
    assert_eq!(found, [4, 2, 1, 0].map(|place: usize| ids[place].0));
    assert_eq!(ground.db.list_assets(Some("cal"), None, 2).await.unwrap().data, []);
    assert_eq!(ground.db.count_taggings().await.unwrap(), (0, 0));
    // A file that goes takes its tags along.
    ground.run("DELETE FROM assets").await.unwrap();
    assert_eq!(ground.number("SELECT COUNT(*) FROM asset_tags").await, 0);
    assert_eq!(ground.number("SELECT COUNT(*) FROM taggings").await, 0);
}

async fn what_a_person_said_stays_when_a_model_says_something_else(ground: Ground) {
    let (id, _) = picture(&ground, 0).await;
    let sql = "INSERT INTO asset_tags (asset_id, tag, facet, source, tagged_at, created_at) \
               SELECT id, 'calm', 'subject', 'person', 5, created_at FROM assets";
    ground.run(sql).await.unwrap();
    for words in ["old", "new"] {
        assert_eq!(ground.db.retry_tagging(id).await.unwrap(), TaggingRetry::Waiting);
        let turn = take(&ground.db).await.unwrap();
        let tags = [tag(words, Facet::Subject, 0.5), tag("calm", Facet::Mood, 0.5)];
        assert!(ground.db.put_tags(&turn, &tags).await.unwrap());
    }
    let tags = ground.db.list_tags(id).await.unwrap();
    let told: Vec<_> = tags.iter().map(|tag| (tag.tag.as_str(), &tag.source, tag.confidence)).collect();
    let eye = TagSource::Picture { model: "eye".to_owned() };
    assert_eq!(told, [("calm", &TagSource::Person, None), ("new", &eye, Some(0.5))]);
}

async fn the_newest_picture_is_the_first_and_who_only_reads_passes_over_what_has_no_prompt(ground: Ground) {
    let upscale =
        serde_json::from_value(serde_json::json!({ "kind": "upscale", "image": AssetId::new(), "factor": 2 }));
    let upscale = NewJob { spec: upscale.unwrap(), ..new_job("ann") };
    let (written, _) = picture(&ground, 1).await;
    let (cleared, job) = picture(&ground, 2).await;
    let (enlarged, _) = picture_of(&ground, 3, &upscale).await;
    ground.db.request_cancel(job, noon()).await.unwrap();
    let before = noon() + Duration::from_secs(1);
    assert_eq!(ground.db.delete_ended_jobs(&[job], before).await.unwrap(), 1);

    let turn = ground.db.take_tagging_turn(Sense::Reading, NOW, LATER).await.unwrap().unwrap();
    assert_eq!(turn.picture.id, written);
    assert!(ground.db.put_tags(&turn, &two()).await.unwrap());
    assert_eq!(ground.db.take_tagging_turn(Sense::Reading, NOW, LATER).await.unwrap(), None);
    assert!(!ground.db.has_untagged(Sense::Reading, NOW).await.unwrap());
    assert!(ground.db.has_untagged(Sense::Sight, NOW).await.unwrap());
    // Nothing of that keeps one who sees from looking.
    for id in [enlarged, cleared] {
        let turn = take(&ground.db).await.unwrap();
        assert_eq!((turn.picture.id, &turn.prompt), (id, &None));
        assert!(ground.db.put_tags(&turn, &two()).await.unwrap());
    }
}

async fn what_fails_waits_until_its_time_and_is_set_aside_until_a_person_wants_it(ground: Ground) {
    let (id, _) = picture(&ground, 0).await;
    let turn = take(&ground.db).await.unwrap();
    assert!(ground.db.note_tagging_failure(&turn, "it \0 died", Some(NOW + 5)).await.unwrap());
    let tagging = ground.db.find_tagging(id).await.unwrap().unwrap();
    assert_eq!((tagging.state, tagging.failures), (Some(TaggingState::Waiting), 1));
    assert_eq!(tagging.reason.as_deref(), Some("it   died"));
    assert_eq!(ground.db.count_taggings().await.unwrap(), (1, 0));
    assert!(!ground.db.has_untagged(Sense::Sight, NOW + 4).await.unwrap());
    assert_eq!(ground.db.take_tagging_turn(Sense::Sight, NOW + 4, LATER).await.unwrap(), None);
    let turn = ground.db.take_tagging_turn(Sense::Sight, NOW + 5, LATER).await.unwrap().unwrap();
    assert_eq!(turn.failures, 1);
    assert!(ground.db.note_tagging_failure(&turn, "again", None).await.unwrap());
    assert_eq!(ground.db.count_taggings().await.unwrap(), (0, 1));
    assert_eq!(ground.db.take_tagging_turn(Sense::Sight, i64::MAX - 1, i64::MAX).await.unwrap(), None);

    assert_eq!(ground.db.retry_tagging(id).await.unwrap(), TaggingRetry::Waiting);
    assert_eq!(take(&ground.db).await.unwrap().failures, 0);
    assert_eq!(ground.db.retry_tagging(AssetId::new()).await.unwrap(), TaggingRetry::Absent);
    let owner = "ann".to_owned();
    let upload = NewAsset { file: file('b'), job_id: None, parents: vec![], owner, created_at: noon() };
    ground.db.insert_asset(&upload).await.unwrap();
    assert_eq!(ground.db.retry_tagging(upload.file.id).await.unwrap(), TaggingRetry::NotTaggable);
    assert_eq!(ground.db.find_tagging(upload.file.id).await.unwrap().unwrap().state, None);
    assert_eq!(ground.db.find_tagging(AssetId::new()).await.unwrap(), None);
}

async fn pictures_from_before_wait_for_their_tags_too(ground: Ground) {
    let (id, _) = picture(&ground, 0).await;
    let owner = "ann".to_owned();
    let upload = NewAsset { file: file('b'), job_id: None, parents: vec![], owner, created_at: noon() };
    ground.db.insert_asset(&upload).await.unwrap();
    let sheet = serde_json::json!({ "kind": "contact_sheet", "cells": [null], "columns": 1 });
    let sheet = NewJob { spec: serde_json::from_value(sheet).unwrap(), ..new_job("ann") };
    picture_of(&ground, 1, &sheet).await;
    for table in ["asset_tags", "taggings", "tagging_turn"] {
        ground.run(&format!("DROP TABLE {table}")).await.unwrap();
    }
    ground.run("DELETE FROM _sqlx_migrations WHERE version = 6").await.unwrap();
    let db = Db::open(&ground.url).await.unwrap();
    assert_eq!(db.count_taggings().await.unwrap(), (1, 0));
    assert_eq!(take(&db).await.unwrap().picture.id, id);
}

async fn only_jobs_that_nobody_paused_are_pending(ground: Ground) {
    assert!(!ground.db.has_pending_jobs().await.unwrap());
    let job = new_job("ann");
    ground.db.insert_job(&job).await.unwrap();
    assert!(ground.db.has_pending_jobs().await.unwrap());
    ground.db.pause_job(job.id).await.unwrap();
    assert!(!ground.db.has_pending_jobs().await.unwrap());
    ground.db.resume_job(job.id, noon()).await.unwrap();
    ground.db.pause(&[WorkerKind::Llm], noon()).await.unwrap();
    assert!(ground.db.has_pending_jobs().await.unwrap());
    ground.db.pause(&[WorkerKind::Sd], noon()).await.unwrap();
    assert!(!ground.db.has_pending_jobs().await.unwrap());
    ground.run("UPDATE jobs SET state = 'published'").await.unwrap();
    assert!(ground.db.has_pending_jobs().await.unwrap(), "a worker may have it");
    ground.db.request_cancel(job.id, noon()).await.unwrap();
    ground.run("UPDATE jobs SET state = 'succeeded'").await.unwrap();
    assert!(!ground.db.has_pending_jobs().await.unwrap());
}
