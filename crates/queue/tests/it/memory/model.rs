//! The ledger against a model: random series of everything that workers do, and of everything that goes wrong.
//!
//! Workers reserve, load, work, rest, leave when asked, die, fall silent and come back, miss answers; Valkey is away or
//! loses everything. After every step what was granted must have fitted and have been first in line, and nobody may be asked
//! to leave in vain; in the end, once all behave, every request must be granted and all memory come back.

mod checks;
mod operation;
mod world;

use std::{
    panic::AssertUnwindSafe,
    sync::{Mutex, PoisonError},
};

use proptest::test_runner::{Config, TestRunner};

use self::{operation::Operation, world::World};
use super::desk::Desk;

/// How many series there are, unless `ATELIER_MODEL_CASES` says otherwise: some 10 seconds on two cores.
const CASES: u32 = 120;
/// How long a series is at most.
const STEPS: usize = 50;
/// From how many series on each of the interesting things must have happened.
const ENOUGH_CASES: u32 = 100;

#[test]
fn whatever_happens_memory_is_granted_in_turn_never_twice_and_in_the_end() {
    let cases = std::env::var("ATELIER_MODEL_CASES").map_or(CASES, |cases| cases.parse().expect("a number of cases"));
    let max_shrink_iters = std::env::var("PROPTEST_MAX_SHRINK_ITERS").map_or(500, |times| times.parse().unwrap());
    let config = Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = Mutex::new(runtime.block_on(async { World::new(Desk::new().await) }));
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
        world.assert_everything_happened();
    }
}

async fn run(world: &mut World, operations: &[Operation]) {
    world.begin().await;
    for operation in operations {
        world.perform(operation).await;
    }
    world.drain().await;
}
