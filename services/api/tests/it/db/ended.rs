//! Many ended jobs at once.

use std::time::Duration;

use api::db::{EndedFilter, NewAsset, NewJob};
use contract::{JobId, job::JobState, spec::JobKind};
use time::OffsetDateTime;

use super::ground::{Ground, on_both};
use crate::sample::{file, new_job, noon};

on_both!(
    only_what_the_filter_means_is_listed_in_the_order_of_submission,
    a_cleared_job_leaves_its_files_and_nothing_else,
    what_has_not_ended_or_ended_later_is_not_cleared,
    what_failed_gets_another_life_and_what_succeeded_does_not,
);

fn hour(hours: u64) -> OffsetDateTime {
    noon() + Duration::from_secs(hours * 3600)
}

fn filter(states: &[JobState], before: OffsetDateTime) -> EndedFilter {
    EndedFilter { states: states.to_vec(), kinds: vec![], before }
}

/// Puts a job on record that ended in this way an hour after it was submitted.
async fn ended(ground: &Ground, state: &str, submitted_at: OffsetDateTime) -> JobId {
    let new = NewJob { submitted_at, ..new_job("a") };
    ground.db.insert_job(&new).await.unwrap();
    let at = (submitted_at + Duration::from_secs(3600)).unix_timestamp() * 1_000_000;
    ground.run(&format!("UPDATE jobs SET state = '{state}', ended_at = {at} WHERE state = 'queued'")).await.unwrap();
    new.id
}

async fn only_what_the_filter_means_is_listed_in_the_order_of_submission(ground: Ground) {
    let mut ids = Vec::new();
    for (hours, state) in (0..).zip(["failed", "dead", "succeeded", "failed", "cancelled"]) {
        ids.push(ended(&ground, state, hour(hours)).await);
    }
    let waiting = new_job("a");
    ground.db.insert_job(&waiting).await.unwrap();
    let list = async |filter: &EndedFilter| {
        let (mut found, mut place) = (Vec::new(), None);
        loop {
            let (ids, last) = ground.db.list_ended_jobs(filter, place, 2).await.unwrap();
            if ids.is_empty() {
                return found;
            }
            found.extend(ids);
            place = last;
        }
    };
    assert_eq!(list(&filter(JobState::ALL, hour(99))).await, ids);
    assert_eq!(list(&filter(&[JobState::Failed, JobState::Dead], hour(99))).await, [ids[0], ids[1], ids[3]]);
    // The second one ended at the second hour, which is not before it.
    assert_eq!(list(&filter(JobState::ALL, hour(2))).await, ids[..1]);
    assert_eq!(list(&filter(&[JobState::Queued, JobState::Running], hour(99))).await, []);
    let of_kind = EndedFilter { kinds: vec![JobKind::TextToImage], ..filter(&[JobState::Dead], hour(99)) };
    assert_eq!(list(&of_kind).await, ids[1..2]);
}

async fn a_cleared_job_leaves_its_files_and_nothing_else(ground: Ground) {
    let id = ended(&ground, "succeeded", noon()).await;
    let made =
        NewAsset { file: file('a'), job_id: Some(id), parents: vec![], owner: "a".to_owned(), created_at: noon() };
    ground.db.insert_asset(&made).await.unwrap();
    assert_eq!(ground.db.delete_ended_jobs(&[id, JobId::new()], hour(9)).await.unwrap(), 1);
    assert_eq!(ground.db.find_job(id).await.unwrap(), None);
    let asset = ground.db.find_asset(made.file.id).await.unwrap().unwrap();
    assert_eq!((asset.file, asset.job_id), (made.file, None));
}

async fn what_has_not_ended_or_ended_later_is_not_cleared(ground: Ground) {
    let late = ended(&ground, "failed", hour(5)).await;
    let waiting = new_job("a");
    ground.db.insert_job(&waiting).await.unwrap();
    assert_eq!(ground.db.delete_ended_jobs(&[late, waiting.id], hour(6)).await.unwrap(), 0);
    assert_eq!(ground.db.delete_ended_jobs(&[], hour(6)).await.unwrap(), 0);
    assert_eq!(ground.db.delete_ended_jobs(&[late, waiting.id], hour(7)).await.unwrap(), 1);
    assert!(ground.db.find_job(waiting.id).await.unwrap().is_some());
}

async fn what_failed_gets_another_life_and_what_succeeded_does_not(ground: Ground) {
    let mut ids = Vec::new();
    for state in ["failed", "succeeded", "dead"] {
        ids.push(ended(&ground, state, noon()).await);
    }
    let mut retried = ground.db.retry_jobs(&ids, hour(9)).await.unwrap();
    retried.sort_unstable();
    assert_eq!(retried, [ids[0], ids[2]]);
    for id in retried {
        let job = ground.db.find_job(id).await.unwrap().unwrap();
        assert_eq!((job.state, job.ended_at), (JobState::Queued, None));
        assert!(ground.db.queue_position(id).await.unwrap().is_some());
    }
}
