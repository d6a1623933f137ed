//! The place in line.

use api::db::NewJob;
use contract::{
    JobId,
    job::{MoveJob, Place, Priority},
};

use super::ground::{Ground, on_both};
use crate::sample::{new_job, noon};

on_both!(
    jobs_of_one_owner_stand_in_the_order_of_submission,
    a_newcomer_stands_behind_one_job_of_each_owner,
    more_urgent_jobs_stand_first,
    a_moved_job_stands_before_or_behind_all_others,
);

async fn submit(ground: &Ground, owner: &str, priority: Priority) -> JobId {
    let new = NewJob { priority, ..new_job(owner) };
    ground.db.insert_job(&new).await.unwrap();
    new.id
}

async fn positions(ground: &Ground, ids: &[JobId]) -> Vec<u64> {
    let mut positions = Vec::new();
    for id in ids {
        positions.push(ground.db.queue_position(*id).await.unwrap().unwrap());
    }
    positions
}

async fn jobs_of_one_owner_stand_in_the_order_of_submission(ground: Ground) {
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(submit(&ground, "a", Priority::Normal).await);
    }
    assert_eq!(positions(&ground, &ids).await, [0, 1, 2, 3]);
    ground.db.request_cancel(ids[1], noon()).await.unwrap();
    ids.remove(1);
    assert_eq!(positions(&ground, &ids).await, [0, 1, 2]);
}

async fn a_newcomer_stands_behind_one_job_of_each_owner(ground: Ground) {
    let mut of_a = Vec::new();
    for _ in 0..20 {
        of_a.push(submit(&ground, "a", Priority::Normal).await);
    }
    let of_b = [submit(&ground, "b", Priority::Normal).await, submit(&ground, "b", Priority::Normal).await];
    let of_b = positions(&ground, &of_b).await;
    assert!(of_b[0] <= 1 && of_b[1] <= 3, "{of_b:?}");
    assert_eq!(positions(&ground, &of_a[19..]).await, [21]);
}

async fn more_urgent_jobs_stand_first(ground: Ground) {
    let batch = submit(&ground, "a", Priority::Batch).await;
    let normal = submit(&ground, "a", Priority::Normal).await;
    let interactive = submit(&ground, "a", Priority::Interactive).await;
    assert_eq!(positions(&ground, &[interactive, normal, batch]).await, [0, 1, 2]);
}

async fn a_moved_job_stands_before_or_behind_all_others(ground: Ground) {
    let mut ids = Vec::new();
    for owner in ["a", "b", "a", "b", "a"] {
        ids.push(submit(&ground, owner, Priority::Normal).await);
    }
    for (id, to) in [(ids[2], Place::Front), (ids[4], Place::Front), (ids[0], Place::Back), (ids[1], Place::Back)] {
        ground.db.move_job(id, &MoveJob { to, priority: None }, noon()).await.unwrap();
    }
    let order = [ids[4], ids[2], ids[3], ids[0], ids[1]];
    assert_eq!(positions(&ground, &order).await, [0, 1, 2, 3, 4]);
}
