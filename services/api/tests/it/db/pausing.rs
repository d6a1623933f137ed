//! Paused kinds of workers, on record.

use api::db::Db;
use contract::spec::WorkerKind;

use super::ground::{Ground, on_both};
use crate::sample::{new_job, noon};

on_both!(a_pause_lasts_through_a_restart_until_somebody_resumes);

async fn a_pause_lasts_through_a_restart_until_somebody_resumes(ground: Ground) {
    ground.db.insert_job(&new_job("a")).await.unwrap();
    assert_eq!(ground.db.list_paused().await.unwrap(), []);
    for _ in 0..2 {
        ground.db.pause(&[WorkerKind::Sd], noon()).await.unwrap();
    }
    let again = Db::open(&ground.url).await.unwrap();
    assert_eq!(again.list_paused().await.unwrap(), [WorkerKind::Sd]);
    let depths = again.queue_depths(noon()).await.unwrap();
    let sd = depths.iter().find(|depth| depth.worker_kind == WorkerKind::Sd).unwrap();
    assert!(sd.is_paused && sd.queued == 1, "{sd:?}");
    again.resume(&[WorkerKind::Sd]).await.unwrap();
    again.resume(&[WorkerKind::Sd]).await.unwrap();
    assert_eq!(ground.db.list_paused().await.unwrap(), []);
}
