//! Several API instances on one PostgreSQL and one Valkey.

use std::collections::HashSet;

use contract::{event::JobChange, job::JobState};
use queue::Accepted;
use tokio_util::sync::CancellationToken;

use super::world::World;
use crate::{
    db::ground::Ground,
    sample::{file, result},
};

const JOBS: usize = 120;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_dispatchers_run_every_job_once() {
    let world = World::new(Ground::postgres().await).await;
    let stop = CancellationToken::new();
    let (other, task) = world.another_api(&stop).await;

    let mut workers = Vec::new();
    for name in ["one", "two", "three"] {
        let mut worker = world.worker(name).await;
        workers.push(tokio::spawn(async move {
            let mut ran = Vec::new();
            while let Some(lease) = worker.lease_within(std::time::Duration::from_secs(2)).await {
                assert_eq!(lease.attempt, 1);
                ran.push(lease.job.id);
                assert_eq!(lease.succeed(&result(vec![file('a')])).await.unwrap(), Accepted::Yes);
            }
            ran
        }));
    }
    let mut ids = HashSet::new();
    for number in 0..JOBS {
        let owner = format!("owner {}", number % 5);
        ids.insert(world.submit_for(&owner).await);
        other.nudge();
    }
    let mut ran = Vec::new();
    for worker in workers {
        ran.extend(worker.await.unwrap());
    }
    assert_eq!(ran.len(), JOBS);
    assert_eq!(ran.into_iter().collect::<HashSet<_>>(), ids);
    for id in &ids {
        world.until(*id, JobState::Succeeded).await;
        assert_eq!(world.outcomes(*id).await, ["succeeded"]);
        let changes = world.changes(*id).await;
        assert!(changes.iter().any(|change| matches!(change, JobChange::Succeeded { .. })));
    }
    assert_eq!(world.ground.number("SELECT COUNT(*) FROM assets").await, i64::try_from(JOBS).unwrap());
    world.until_valkey_is_empty().await;
    stop.cancel();
    task.await.unwrap();
}
