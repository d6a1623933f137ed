//! Memory that runs out, really: the child runs under a limit of its address space.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration};

use contract::result::{MeasureReason, MemoryStep};
use queue::memory::{Device, Want};
use rustix::process::{Resource, Rlimit, prlimit};
use worker::{Engine as _, EngineError, engine::Notes};

use crate::studio::{Attempt, Studio, order, pid, program, start_program_within};

/// More than everything here needs: the estimate sees no reason to save memory.
const ROOMY_MIB: u64 = 100_000;
/// Decoding 1024 × 64 pixels takes 126 MiB at once, and half of that in tiles; 40 of them were there for something else before.
const BETWEEN_ONE_TILE_AND_TWO_MIB: u64 = 55;

/// Opens a studio whose children may have so much more address space than the smallest picture takes.
async fn studio_with_headroom(headroom_mib: u64) -> Studio {
    let mut studio = Studio::open().await;
    studio.make(&order(|_| {})).await.unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", studio.engine.process_id().unwrap())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
    let peak_kib: u64 = peak.split_whitespace().next().unwrap().parse().unwrap();
    studio.engine.unload().await;
    let wrapper = studio.models.path().join("sd-engine-under-a-limit");
    let limit = format!("[ -e '{}' ] || ulimit -S -v {}", is_roomy(&studio).display(), peak_kib + headroom_mib * 1024);
    fs::write(&wrapper, format!("#!/bin/sh\n{limit}\nexec '{}'\n", program().display())).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    studio.engine = start_program_within(wrapper, studio.models.path(), ROOMY_MIB, &studio.queue).await;
    studio
}

/// Returns the file whose presence lifts the limit for children that are started from then on.
fn is_roomy(studio: &Studio) -> PathBuf {
    studio.models.path().join("roomy")
}

fn taken(notes: &Notes) -> Vec<(MemoryStep, MeasureReason)> {
    notes.measures.iter().map(|measure| (measure.step, measure.reason)).collect()
}

#[tokio::test]
async fn when_memory_runs_out_the_same_attempt_succeeds_in_tiles_and_says_so() {
    let mut studio = studio_with_headroom(BETWEEN_ONE_TILE_AND_TWO_MIB).await;
    let wide = order(|spec| (spec.width, spec.height, spec.painting.steps) = (1024, 64, 1));
    let attempt = Attempt::new();
    studio.engine.load(&wide, &attempt.run).await.unwrap();
    let pictures = studio.engine.generate(&wide, &attempt.run).await.unwrap();
    assert_eq!((pictures[0].width, pictures[0].height), (1024, 64));
    let notes = attempt.run.take_notes();
    assert_eq!(taken(&notes), [(MemoryStep::VaeTiling, MeasureReason::OutOfMemory)]);
    assert!(notes.measures[0].message.contains("memory ran out"), "{notes:?}");
}

#[tokio::test]
async fn when_memory_runs_out_idle_models_of_other_workers_leave_before_anything_is_slowed_down() {
    let mut studio = studio_with_headroom(BETWEEN_ONE_TILE_AND_TWO_MIB).await;
    let wide = order(|spec| (spec.width, spec.height, spec.painting.steps) = (1024, 64, 1));
    let attempt = Attempt::new();
    studio.engine.load(&wide, &attempt.run).await.unwrap();
    let child = studio.engine.process_id().unwrap();
    // Another worker holds more than it says: room is there only once it has left.
    let name = worker::device_name("", "cpu");
    let device = Device { name, total_mib: ROOMY_MIB, comfortable_mib: ROOMY_MIB };
    let other = studio.queue.open_ledger(&device, "other", Duration::from_millis(300)).unwrap();
    let want = Want { model: "chat".to_owned(), mib: 100, load: Duration::ZERO, is_pinned: false };
    let chat = other.reserve(&want, |_| {}).await.unwrap();
    chat.idle(100);
    let roomy = is_roomy(&studio);
    let leaving = async {
        assert!(other.must_leave().await.contains("chat"));
        fs::write(roomy, "").unwrap();
        // The child may have lived through it, or not.
        let _ = prlimit(Some(pid(child)), Resource::As, Rlimit { current: None, maximum: None });
        drop(chat);
    };
    let (pictures, ()) = tokio::join!(studio.engine.generate(&wide, &attempt.run), leaving);
    assert_eq!(pictures.unwrap().len(), 1);
    let notes = attempt.run.take_notes();
    assert_eq!(taken(&notes), [(MemoryStep::Alone, MeasureReason::OutOfMemory)]);
    assert!(notes.steps.is_empty(), "{notes:?}");
}

#[tokio::test]
async fn when_memory_runs_out_whatever_is_done_the_job_fails_with_the_reason_and_the_worker_goes_on() {
    let mut studio = studio_with_headroom(BETWEEN_ONE_TILE_AND_TWO_MIB).await;
    let huge = order(|spec| (spec.width, spec.height, spec.painting.steps) = (2048, 2048, 1));
    let outcome = studio.make(&huge).await;
    let Err(EngineError::TooLarge { message, remedy }) = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("memory ran out") && message.contains("alloc"), "{message}");
    assert!(remedy.contains("smaller picture"), "{remedy}");
    studio.make(&order(|_| {})).await.unwrap();
}

#[tokio::test]
async fn a_picture_that_can_never_fit_is_refused_before_anything_is_loaded() {
    let mut studio = Studio::open_within(300).await;
    let outcome = studio.make(&order(|spec| (spec.width, spec.height) = (2048, 2048))).await;
    let Err(EngineError::TooLarge { message, remedy }) = outcome else { panic!("{outcome:?}") };
    assert!(message.contains("300 MiB") && message.contains("4.19 megapixels"), "{message}");
    assert!(remedy.contains("ATELIER_MEMORY_MIB"), "{remedy}");
    assert!(studio.engine.resident_models().is_empty());
    studio.make(&order(|_| {})).await.unwrap();
}

#[tokio::test]
async fn what_a_picture_took_is_measured_and_a_larger_one_takes_more() {
    let mut studio = Studio::open().await;
    let mut peaks = Vec::new();
    for side in [64, 256] {
        let attempt = Attempt::new();
        let order = order(|spec| (spec.width, spec.height, spec.painting.steps) = (side, side, 1));
        studio.engine.load(&order, &attempt.run).await.unwrap();
        studio.engine.generate(&order, &attempt.run).await.unwrap();
        peaks.push(attempt.run.take_notes().peak_mib.unwrap());
    }
    assert!(peaks[0] > 50 && peaks[1] > peaks[0] + 50, "{peaks:?} MiB");
}
