//! Valkey goes away and comes back.

use contract::job::JobState;

use super::world::World;
use crate::{
    db::ground::{Ground, on_both},
    sample::result,
    wait::until_true,
};

on_both!(jobs_are_taken_while_valkey_is_away_and_run_when_it_is_back);

async fn until_away(world: &World, is_away: bool) {
    let what = format!("the dispatch to see that away = {is_away}");
    until_true(&what, async || world.dispatch.queue_away_for().is_some() == is_away).await;
}

async fn jobs_are_taken_while_valkey_is_away_and_run_when_it_is_back(ground: Ground) {
    let world = World::new(ground).await;
    let before = world.submit_for("ann").await;
    world.until_window_is(1).await;
    world.valkey.kill9().unwrap();
    until_away(&world, true).await;
    let meanwhile = world.submit_for("ann").await;
    assert_eq!(world.job(meanwhile).await.state, JobState::Queued);
    world.valkey.restart().unwrap();
    until_away(&world, false).await;

    let mut worker = world.worker("one").await;
    for _ in 0..2 {
        let _ = worker.lease().await.succeed(&result(vec![])).await.unwrap();
    }
    for id in [before, meanwhile] {
        world.until(id, JobState::Succeeded).await;
    }
    world.until_valkey_is_empty().await;
}

#[tokio::test]
async fn a_valkey_that_lost_its_functions_gets_them_again() {
    let world = World::new(Ground::sqlite().await).await;
    let warm_up = world.submit_for("ann").await;
    let mut worker = world.worker("one").await;
    let _ = worker.lease().await.succeed(&result(vec![])).await.unwrap();
    world.until(warm_up, JobState::Succeeded).await;
    world.valkey.flush_functions().unwrap();
    world.valkey.flush().unwrap();
    let id = world.submit_for("ann").await;
    let _ = worker.lease().await.succeed(&result(vec![])).await.unwrap();
    world.until(id, JobState::Succeeded).await;
}

#[tokio::test]
async fn the_dispatch_stops_soon_while_valkey_is_away() {
    let mut world = World::new(Ground::sqlite().await).await;
    world.valkey.kill9().unwrap();
    until_away(&world, true).await;
    world.stop().await;
}

#[tokio::test]
async fn the_dispatch_waits_for_a_valkey_that_hangs() {
    let world = World::new(Ground::sqlite().await).await;
    world.valkey.sigstop().unwrap();
    let id = world.submit_for("ann").await;
    until_away(&world, true).await;
    world.valkey.sigcont().unwrap();
    let _ = world.worker("one").await.lease().await.succeed(&result(vec![])).await.unwrap();
    world.until(id, JobState::Succeeded).await;
}
