//! Submissions: once each, whatever is repeated.

use std::time::Duration;

use api::db::{NewJob, Submitted};
use contract::{
    JobId,
    job::{JobState, Priority},
};

use super::ground::{Ground, on_both};
use crate::sample::{new_job, noon, spec};

on_both!(
    a_job_is_found_as_it_was_submitted,
    a_repetition_under_the_same_key_finds_the_first_job,
    a_key_is_free_again_after_a_day,
    a_repetition_under_the_same_id_finds_the_first_job,
    submissions_at_the_same_time_under_one_key_make_one_job,
    a_prompt_may_hold_any_character,
    only_jobs_that_have_not_ended_are_open,
);

fn under_key(key: &str, body_hash: &str) -> NewJob {
    NewJob { idempotency_key: Some(key.to_owned()), body_hash: body_hash.to_owned(), ..new_job("ann") }
}

async fn a_job_is_found_as_it_was_submitted(ground: Ground) {
    let new = NewJob { priority: Priority::Batch, max_attempts: 5, ..new_job("ann") };
    let Submitted::New(job) = ground.db.insert_job(&new).await.unwrap() else { panic!("not new") };
    assert_eq!(ground.db.find_job(new.id).await.unwrap().as_ref(), Some(&job));
    assert_eq!((job.id, &job.spec, job.priority), (new.id, &new.spec, Priority::Batch));
    assert_eq!((job.state, job.attempts, job.max_attempts), (JobState::Queued, 0, 5));
    assert_eq!((job.submitted_at, job.started_at, job.ended_at), (noon(), None, None));
    assert!(!job.cancel_requested && job.result.is_none() && job.failure.is_none() && job.progress.is_none());
    assert_eq!(ground.db.find_job(JobId::new()).await.unwrap(), None);
}

async fn a_repetition_under_the_same_key_finds_the_first_job(ground: Ground) {
    let first = under_key("key", "body");
    assert!(matches!(ground.db.insert_job(&first).await.unwrap(), Submitted::New(_)));
    let again = ground.db.insert_job(&under_key("key", "body")).await.unwrap();
    assert!(matches!(again, Submitted::Same(job) if job.id == first.id));
    let other_body = ground.db.insert_job(&under_key("key", "other body")).await.unwrap();
    assert_eq!(other_body, Submitted::Mismatch);
    let other_owner = NewJob { owner: "bob".to_owned(), ..under_key("key", "other body") };
    assert!(matches!(ground.db.insert_job(&other_owner).await.unwrap(), Submitted::New(_)));
    assert_eq!(ground.db.count_open().await.unwrap(), 2);
}

async fn a_key_is_free_again_after_a_day(ground: Ground) {
    let first = under_key("key", "body");
    ground.db.insert_job(&first).await.unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    let before = NewJob { submitted_at: noon() + day - Duration::from_secs(1), ..under_key("key", "other") };
    assert_eq!(ground.db.insert_job(&before).await.unwrap(), Submitted::Mismatch);
    let after = NewJob { submitted_at: noon() + day, ..under_key("key", "other") };
    assert!(matches!(ground.db.insert_job(&after).await.unwrap(), Submitted::New(_)));
}

async fn a_repetition_under_the_same_id_finds_the_first_job(ground: Ground) {
    let first = new_job("ann");
    ground.db.insert_job(&first).await.unwrap();
    assert!(matches!(ground.db.insert_job(&first).await.unwrap(), Submitted::Same(job) if job.id == first.id));
    let other_body = NewJob { body_hash: "other".to_owned(), ..first.clone() };
    assert_eq!(ground.db.insert_job(&other_body).await.unwrap(), Submitted::Mismatch);
    let other_owner = NewJob { owner: "bob".to_owned(), ..first.clone() };
    assert_eq!(ground.db.insert_job(&other_owner).await.unwrap(), Submitted::Mismatch);
    // A refused request must not leave its idempotency key behind.
    let refused = NewJob { idempotency_key: Some("key".to_owned()), ..other_body };
    assert_eq!(ground.db.insert_job(&refused).await.unwrap(), Submitted::Mismatch);
    assert!(matches!(ground.db.insert_job(&under_key("key", "x")).await.unwrap(), Submitted::New(_)));
}

async fn submissions_at_the_same_time_under_one_key_make_one_job(ground: Ground) {
    let submissions: Vec<NewJob> = (0..16).map(|_| under_key("key", "body")).collect();
    let answers = futures::future::join_all(submissions.iter().map(|new| ground.db.insert_job(new))).await;
    let (mut new, mut same) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer.unwrap() {
            Submitted::New(job) => new.push(job.id),
            Submitted::Same(job) => same.push(job.id),
            Submitted::Mismatch => panic!("the same request"),
        }
    }
    assert_eq!((new.len(), same.len()), (1, 15));
    assert!(same.iter().all(|id| *id == new[0]));
    assert_eq!(ground.db.count_open().await.unwrap(), 1);
}

async fn a_prompt_may_hold_any_character(ground: Ground) {
    let new = NewJob { spec: spec("zero \0, 'quotes', \u{1F5FC} % _ \\ \u{202E}"), ..new_job("") };
    ground.db.insert_job(&new).await.unwrap();
    assert_eq!(ground.db.find_job(new.id).await.unwrap().unwrap().spec, new.spec);
}

async fn only_jobs_that_have_not_ended_are_open(ground: Ground) {
    let jobs = [new_job("a"), new_job("a"), new_job("b")];
    for new in &jobs {
        ground.db.insert_job(new).await.unwrap();
    }
    ground.db.request_cancel(jobs[0].id, noon()).await.unwrap();
    assert_eq!(ground.db.count_open().await.unwrap(), 2);
}
