//! What nobody needs any more goes away, and nothing else.

use std::time::Duration;

use api::db::NewJob;
use bytes::Bytes;
use contract::job::JobState;

use super::world::World;
use crate::{
    db::ground::Ground,
    sample::result,
    wait::{until, until_true},
};

#[tokio::test]
async fn files_without_a_record_go_after_a_while_and_all_others_stay() {
    let mut world = World::new(Ground::sqlite().await).await;
    let assets = world.parts.assets.clone();
    until("the first sweep", async || world.db().find_setting::<i64>("first_sweep_us").await.unwrap()).await;

    let id = world.submit_for("ann").await;
    let recorded = assets.put("image/png", Bytes::from_static(b"recorded")).await.unwrap();
    let lease = world.worker("one").await.lease().await;
    let made = result(vec![recorded.clone()]);
    assets.write_result(id, lease.token(), &made).await.unwrap();
    let _ = lease.succeed(&made).await.unwrap();
    world.until(id, JobState::Succeeded).await;
    world.stop().await;

    // The result of a job that has not ended, and a file that belongs to nothing.
    let open = NewJob { submitted_at: world.parts.clock.now() + Duration::from_secs(10_000), ..world.new_job("ann") };
    world.db().insert_job(&open).await.unwrap();
    world.ground.run("UPDATE jobs SET run_at = run_at + 100000000000 WHERE state = 'queued'").await.unwrap();
    let unrecorded = assets.put("image/png", Bytes::from_static(b"unrecorded")).await.unwrap();
    assets.write_result(open.id, "token", &result(vec![unrecorded.clone()])).await.unwrap();
    let leftover = assets.put("image/png", Bytes::from_static(b"leftover")).await.unwrap();

    world.start();
    let only_the_open_one = async || assets.list_result_jobs().await.unwrap() == [open.id];
    until_true("the result of the ended job to go", only_the_open_one).await;
    world.stop().await;
    assert!(assets.exists(&leftover.blake3).await.unwrap(), "it is too young");

    world.parts.clock.advance(Duration::from_secs(2 * 3600));
    world.start();
    until_true("the leftover to go", async || !assets.exists(&leftover.blake3).await.unwrap()).await;
    world.stop().await;
    assert!(assets.exists(&recorded.blake3).await.unwrap());
    assert!(assets.exists(&unrecorded.blake3).await.unwrap());
}
