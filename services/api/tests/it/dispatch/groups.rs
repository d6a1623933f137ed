//! The end of a group, whoever dies before its contact sheet is ordered.

use api::{db::NewGroup, dispatch::Dispatch};
use contract::{job::JobState, spec::JobSpec};
use queue::Accepted;
use tokio_util::sync::CancellationToken;

use super::world::World;
use crate::{
    db::ground::{Ground, on_both},
    sample::{file, new_group, result, success_of},
};

on_both!(
    the_last_cell_brings_a_sheet_of_all_pictures,
    an_api_that_dies_between_the_last_end_and_the_sheet_leaves_exactly_one_sheet,
    a_group_is_cancelled_as_one_wherever_its_cells_are,
);

fn group(world: &World, cells: u32) -> NewGroup {
    let mut new = new_group("ann", cells);
    new.created_at = world.parts.clock.now();
    new.cells.iter_mut().for_each(|cell| cell.submitted_at = world.parts.clock.now());
    new
}

async fn sheets(world: &World) -> i64 {
    world.ground.number("SELECT COUNT(*) FROM jobs WHERE kind = 'contact_sheet'").await
}

async fn the_last_cell_brings_a_sheet_of_all_pictures(ground: Ground) {
    let world = World::new(ground).await;
    let new = group(&world, 3);
    world.db().insert_group(&new).await.unwrap();
    world.dispatch.nudge();
    let mut worker = world.worker("one").await;
    let mut made = Vec::new();
    for cell in &new.cells {
        let lease = worker.lease().await;
        assert_eq!(lease.job.id, cell.id, "cells run in their order");
        let (first, second) = (file('a'), file('b'));
        made.push(Some(first.id));
        assert_eq!(lease.succeed(&result(vec![first, second])).await.unwrap(), Accepted::Yes);
    }
    let lease = worker.lease().await;
    let JobSpec::ContactSheet(sheet) = &lease.job.spec else { panic!("{:?}", lease.job.spec) };
    assert_eq!(sheet.cells, made);
    assert_eq!(lease.job.inputs.len(), 3, "the worker finds the files of the pictures");
    let id = lease.job.id;
    assert_eq!(lease.succeed(&result(vec![file('c')])).await.unwrap(), Accepted::Yes);
    assert_eq!(world.until(id, JobState::Succeeded).await.group_id, Some(new.id));
    assert_eq!(sheets(&world).await, 1);
}

async fn an_api_that_dies_between_the_last_end_and_the_sheet_leaves_exactly_one_sheet(ground: Ground) {
    let mut world = World::new(ground).await;
    world.stop().await;
    let new = group(&world, 2);
    world.db().insert_group(&new).await.unwrap();
    // The API died here: behind the commit of the last end.
    world.ground.run("UPDATE jobs SET state = 'published', generation = 1").await.unwrap();
    for cell in [0, 1] {
        world.ground.run(&success_of(cell)).await.unwrap();
    }
    world.start();
    let stop = CancellationToken::new();
    let (_, another) = Dispatch::start(world.parts.clone(), stop.clone());
    let lease = world.worker("one").await.lease().await;
    assert!(matches!(lease.job.spec, JobSpec::ContactSheet(_)), "{:?}", lease.job.spec);
    let group = world.db().find_group(new.id).await.unwrap().unwrap();
    assert_eq!(group.progress.contact_sheet.map(|sheet| sheet.job_id), Some(lease.job.id));
    assert_eq!(sheets(&world).await, 1, "two instances order one sheet");
    stop.cancel();
    another.await.unwrap();
}

async fn a_group_is_cancelled_as_one_wherever_its_cells_are(ground: Ground) {
    let world = World::new(ground).await;
    // More than the window holds: some cells are in SQL, some in Valkey, one is with a worker.
    let new = group(&world, 12);
    world.db().insert_group(&new).await.unwrap();
    world.dispatch.nudge();
    let lease = world.worker("one").await.lease().await;
    world.until(lease.job.id, JobState::Running).await;
    world.until_window_is(8).await;
    let cancelled = world.dispatch.cancel_group(new.id).await.unwrap();
    assert_eq!(cancelled.ended.len() + cancelled.requested.len(), 12);
    tokio::time::timeout(crate::wait::PATIENCE, lease.cancelled().cancelled()).await.expect("the worker hears of it");
    let _ = lease.cancel().await.unwrap();
    for cell in &new.cells {
        world.until(cell.id, JobState::Cancelled).await;
    }
    world.until_valkey_is_empty().await;
    assert_eq!(sheets(&world).await, 0);
}
