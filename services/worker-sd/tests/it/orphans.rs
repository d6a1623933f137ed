//! No sd-engine outlives its worker.
//!
//! The test starts itself a second time as the worker to kill: the same test, with [`WORKER`] set to the folder of models.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use contract::event::Phase;
use queue::Queue;
use testkit::valkey::TestValkey;
use worker::Engine as _;

use crate::studio::{Attempt, order, pid, program, start_program_within, wait_until_gone};

/// Set in the process that plays the worker.
const WORKER: &str = "WORKER_SD_TEST_WORKER";
/// Where its queue is.
const VALKEY: &str = "WORKER_SD_TEST_VALKEY";

#[test]
fn a_killed_worker_leaves_no_engine_behind() {
    if let Some(models) = std::env::var_os(WORKER) {
        tokio::runtime::Runtime::new().unwrap().block_on(be_the_worker(Path::new(&models)));
        return;
    }
    let models = tempfile::tempdir().unwrap();
    testkit::tiny_models::write_sd(models.path()).unwrap();
    let valkey = TestValkey::start().unwrap();
    let mut worker = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "orphans::a_killed_worker_leaves_no_engine_behind", "--nocapture"])
        .env(WORKER, models.path())
        .env(VALKEY, valkey.url())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(worker.stdout.take().unwrap()).lines().map(Result::unwrap);
    let child = said.filter_map(|line| Some(line.split_once("child=")?.1.parse().unwrap())).next().unwrap();
    assert!(rustix::process::test_kill_process(pid(child)).is_ok(), "the test sees nothing");
    worker.kill().unwrap();
    worker.wait().unwrap();
    wait_until_gone(child);
}

/// Says which process paints a long picture, and paints until it is killed.
async fn be_the_worker(models: &Path) {
    let queue = Queue::connect(&std::env::var(VALKEY).unwrap(), "test").await.unwrap();
    queue.prepare().await.unwrap();
    let mut engine = start_program_within(program(), models, 0, &queue).await;
    let mut attempt = Attempt::new();
    let long = order(|spec| (spec.painting.steps, spec.width, spec.height) = (150, 512, 512));
    engine.load(&long, &attempt.run).await.unwrap();
    let child = engine.process_id().unwrap();
    let saying = async {
        while attempt.reports.steps.recv().await.unwrap().phase != Phase::Sampling {}
        println!("child={child}");
        std::future::pending::<()>().await;
    };
    let (_, ()) = tokio::join!(engine.generate(&long, &attempt.run), saying);
}
