//! The state machine of the queue against a model of SQL, on a real server.
//!
//! Random series of everything that happens: submissions, two APIs at once, crashes of the API between any two steps,
//! workers that die, come back as zombies or never hear an answer, leases that run out, and a Valkey that loses all of
//! its data or wakes up with an older image of them. After every step the rules of `src/keys.rs` must hold, every answer
//! must be the one that the oracle foretold, and in the end every job must have ended once, with nothing left behind.
//! Among the jobs are requests for text, of which SQL knows nothing and whose ends are told on a channel.

mod api_side;
mod ending;
mod facts;
mod faults;
mod invariants;
mod operation;
mod oracle;
mod texts;
mod worker_side;
mod world;

use std::{
    panic::AssertUnwindSafe,
    sync::{Mutex, PoisonError},
};

use proptest::test_runner::{Config, TestRunner};

use self::{operation::Operation, world::World};
use crate::ground::Ground;

/// How many series there are, unless `ATELIER_MODEL_CASES` says otherwise: some 15 seconds on two cores.
const CASES: u32 = 120;
/// How long a series is at most.
const STEPS: usize = 60;
/// From how many series on each of the interesting things must have happened.
const ENOUGH_CASES: u32 = 100;

#[test]
fn whatever_happens_every_job_ends_once_and_nothing_is_left_behind() {
    let cases = std::env::var("ATELIER_MODEL_CASES").map_or(CASES, |cases| cases.parse().expect("a number of cases"));
    // Shrinking runs the series again and again; 500 times are enough to make it readable.
    let max_shrink_iters = std::env::var("PROPTEST_MAX_SHRINK_ITERS").map_or(500, |times| times.parse().unwrap());
    let config = Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = Mutex::new(runtime.block_on(async { World::new(Ground::new().await).await }));
    let series = proptest::collection::vec(operation::strategy(), 1..STEPS);
    let outcome = TestRunner::new(config).run(&series, |operations| {
        let mut world = AssertUnwindSafe(world.lock().unwrap_or_else(PoisonError::into_inner));
        runtime.block_on(run(&mut world, &operations));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let world = world.into_inner().unwrap_or_else(PoisonError::into_inner);
    if cases >= ENOUGH_CASES {
        world.tally.assert_everything_happened();
    }
}

async fn run(world: &mut World, operations: &[Operation]) {
    world.begin().await;
    for operation in operations {
        world.perform(operation).await;
        world.check_invariants().await;
    }
    world.drain().await;
}
