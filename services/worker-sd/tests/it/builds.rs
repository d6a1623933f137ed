//! Which build of sd-engine a worker takes, with builds that fail as real ones do.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use contract::worker::{BuildVerdict, Worker};
use queue::Outcome;
use rustix::process::Signal;
use testkit::{broken_programs, wait::until};
use tokio::process::Child;

use crate::{
    service::Place,
    studio::{LIMIT, pid, program},
};

/// Says hello as a build for Vulkan does, and dies as soon as it is asked for something.
const DIES_AT_WORK: &str = r#"
    #include <stdio.h>
    #include <stdlib.h>
    int main(void) {
        puts("{\"type\":\"hello\",\"version\":\"1\",\"can_cancel\":false,\"device\":\"vulkan0\"}");
        fflush(stdout);
        getchar();
        fputs("vk::DeviceLostError\n", stderr);
        abort();
    }
"#;

/// Makes a folder of builds of which none works.
fn broken_builds(place: &Place) -> PathBuf {
    let folder = place.folder.path().join("builds");
    fs::create_dir(&folder).unwrap();
    broken_programs::write_without_library(&folder.join("sd-engine-cuda")).unwrap();
    broken_programs::write_hanging(&folder.join("sd-engine-metal")).unwrap();
    broken_programs::write(&folder.join("sd-engine-vulkan"), DIES_AT_WORK).unwrap();
    folder
}

fn start(place: &Place, builds: &Path, limit_s: &str) -> Child {
    let folder = builds.to_str().unwrap();
    place.start_worker(&[
        ("ATELIER_ENGINE", "sd"),
        ("ATELIER_ENGINES_DIR", folder),
        ("ATELIER_ENGINE_TRIAL_S", limit_s),
    ])
}

/// Waits until the worker is there, and ends it.
async fn announced(place: &Place, mut worker: Child) -> Worker {
    let said = until("the worker", async || place.queue.workers().await.unwrap().pop()).await;
    rustix::process::kill_process(pid(worker.id().unwrap()), Signal::TERM).unwrap();
    assert_eq!(tokio::time::timeout(LIMIT, worker.wait()).await.unwrap().unwrap().code(), Some(0));
    said
}

fn verdicts(worker: &Worker) -> Vec<(&str, BuildVerdict)> {
    worker.engine_builds.iter().map(|build| (build.program.as_str(), build.verdict)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_build_that_works_is_taken_and_the_worker_says_why_not_the_others() {
    use BuildVerdict::{Chosen, PassedOver};
    let mut place = Place::open().await;
    testkit::tiny_models::write_sd(&place.folder.path().join("models")).unwrap();
    let builds = broken_builds(&place);
    symlink(program(), builds.join("sd-engine")).unwrap();
    let worker = start(&place, &builds, "10");
    place.publish("a lighthouse").await;
    assert_eq!(place.next_done().await.outcome, Outcome::Succeeded);
    let said = announced(&place, worker).await;
    let expected = [
        ("sd-engine-cuda", PassedOver),
        ("sd-engine-metal", PassedOver),
        ("sd-engine-vulkan", PassedOver),
        ("sd-engine", Chosen),
    ];
    assert_eq!(verdicts(&said), expected);
    let words = [broken_programs::MISSING_LIBRARY, "within 10 s", "SIGABRT", "computes on cpu"];
    for (build, words) in said.engine_builds.iter().zip(words) {
        assert!(build.finding.contains(words), "{build:?}");
    }

    // What has changed is tried again. A build for a card that computes without one is none.
    fs::remove_file(builds.join("sd-engine-metal")).unwrap();
    fs::remove_file(builds.join("sd-engine-cuda")).unwrap();
    symlink(program(), builds.join("sd-engine-cuda")).unwrap();
    fs::copy(program(), builds.join("sd-engine-cpu")).unwrap();
    fs::remove_file(builds.join("sd-engine")).unwrap();
    let changed = announced(&place, start(&place, &builds, "10")).await;
    assert!(changed.engine_builds[0].finding.contains("finds no device of its kind"), "{changed:?}");
    let expected = [("sd-engine-cuda", PassedOver), ("sd-engine-vulkan", PassedOver), ("sd-engine-cpu", Chosen)];
    assert_eq!(verdicts(&changed), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_build_works_each_is_named_with_its_reason_and_a_named_program_has_the_last_word() {
    let place = Place::open().await;
    let builds = broken_builds(&place);
    fs::remove_file(builds.join("sd-engine-metal")).unwrap();
    let output = tokio::time::timeout(LIMIT, start(&place, &builds, "10").wait_with_output()).await.unwrap().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    for part in ["sd-engine-cuda", broken_programs::MISSING_LIBRARY, "sd-engine-vulkan", "cargo xtask engines"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let worker = place.start_worker(&[
        ("ATELIER_ENGINE", "sd"),
        ("ATELIER_ENGINES_DIR", builds.to_str().unwrap()),
        ("ATELIER_SD_ENGINE", program().to_str().unwrap()),
    ]);
    assert_eq!(verdicts(&announced(&place, worker).await), []);
}
