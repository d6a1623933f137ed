//! Every form that was ever in a stream, a database or a pipe can still be read, and says the same when written again.
//!
//! Golden files are only added, never changed: `tests/golden/<type>/<form>.json`. Only what sd-engine hears and says may
//! change its form, as both ends are built and started together.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeSet, fs, path::Path};

use contract::{
    asset::Asset,
    engine::{Command, Line, ModelFiles},
    event::{JobChange, JobEvent},
    group::{GroupAxis, NewGroup},
    job::{Job, QueuedJob},
    preview::Preview,
    problem::Problem,
    result::JobResult,
    system::QueueDepth,
    tag::Tagging,
    text::{TextFrame, TextJob},
    worker::Worker,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Reads every golden file of a type; each must survive reading and writing, except for fields that were added since.
fn check<T: Serialize + DeserializeOwned>(folder: &str) -> Vec<T> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no golden files in {}", folder.display());
    files
        .iter()
        .map(|path| {
            let golden: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            let read: T = serde_json::from_value(golden.clone()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let written = serde_json::to_value(&read).unwrap();
            assert_contains(&written, &golden, path);
            read
        })
        .collect()
}

/// Asserts that `whole` says everything that `part` says.
fn assert_contains(whole: &Value, part: &Value, path: &Path) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (key, value) in part {
                let found = whole.get(key).unwrap_or_else(|| panic!("{}: {key} is gone", path.display()));
                assert_contains(found, value, path);
            }
        }
        (Value::Array(whole), Value::Array(part)) => {
            assert_eq!(whole.len(), part.len(), "{}", path.display());
            whole.iter().zip(part).for_each(|(whole, part)| assert_contains(whole, part, path));
        }
        _ => assert_eq!(whole, part, "{}", path.display()),
    }
}

/// The tag of every golden form, to see that none is missing.
fn tags<T: Serialize>(forms: &[T], tag: impl Fn(&Value) -> &Value) -> BTreeSet<String> {
    forms.iter().map(|form| tag(&serde_json::to_value(form).unwrap()).as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn entries_of_every_age_can_be_read() {
    check::<Asset>("asset");
    check::<Job>("job");
    check::<QueueDepth>("queue_depth");
    check::<QueuedJob>("queued_job");
    check::<JobResult>("job_result");
    check::<Worker>("worker");
    check::<ModelFiles>("model_files");
    check::<Problem>("problem");
    check::<NewGroup>("new_group");
    check::<GroupAxis>("group_axis");
    check::<Tagging>("tagging");
}

#[test]
fn every_change_of_a_job_has_a_golden_file() {
    let events = check::<JobEvent>("job_event");
    let expected =
        ["queued", "running", "progress", "cancel_requested", "retrying", "succeeded", "failed", "cancelled", "dead"];
    assert_eq!(tags(&events, |event| &event["change"]["type"]), expected.map(str::to_owned).into());
    // A new variant fails to compile here until it has its golden file.
    for event in events {
        match event.change {
            JobChange::Queued
            | JobChange::Running { .. }
            | JobChange::Progress(_)
            | JobChange::CancelRequested
            | JobChange::Retrying { .. }
            | JobChange::Succeeded { .. }
            | JobChange::Failed { .. }
            | JobChange::Cancelled
            | JobChange::Dead { .. } => {}
        }
    }
}

#[test]
fn every_line_of_the_engine_has_a_golden_file() {
    let commands = check::<Command>("engine_command");
    let expected = ["load", "load_upscaler", "generate", "upscale", "cancel"];
    assert_eq!(tags(&commands, |line| &line["type"]), expected.map(str::to_owned).into());
    let lines = check::<Line>("engine_line");
    let expected = ["hello", "loaded", "progress", "preview", "image", "done", "failed", "abort", "log"];
    assert_eq!(tags(&lines, |line| &line["type"]), expected.map(str::to_owned).into());
}

#[test]
fn every_request_for_text_has_a_golden_file() {
    let jobs = check::<TextJob>("text_job");
    let expected = ["chat", "completion", "embedding", "tokenize", "detokenize", "apply_template"];
    assert_eq!(tags(&jobs, |job| &job["request"]["kind"]), expected.map(str::to_owned).into());
}

#[test]
fn every_event_and_every_answer_of_text_has_a_golden_file() {
    let frames = check::<TextFrame>("text_frame");
    let expected = ["waiting", "delta", "end", "failed"];
    assert_eq!(tags(&frames, |frame| &frame["events"][0]["type"]), expected.map(str::to_owned).into());
    let ends: Vec<_> = frames.iter().filter(|frame| !tag_of_answer(frame).is_null()).collect();
    let expected = ["generated", "embeddings", "tokens", "text"];
    assert_eq!(tags(&ends, |frame| &frame["events"][0]["answer"]["kind"]), expected.map(str::to_owned).into());
}

fn tag_of_answer(frame: &TextFrame) -> Value {
    serde_json::to_value(frame).unwrap()["events"][0]["answer"]["kind"].clone()
}

#[test]
fn a_preview_frame_says_its_job_and_step() {
    let job_id = contract::JobId::new();
    let frame = Preview { job_id, step: 7, jpeg: b"picture" }.encode();
    assert_eq!(Preview::decode(&frame), Some(Preview { job_id, step: 7, jpeg: b"picture" }));
    assert_eq!(Preview::decode(&frame[..19]), None);
}
