//! supervisord, Valkey and the scripts of `deploy`, real; only our services are played by shell scripts.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{Plan, Stack};

const LIMIT: Duration = Duration::from_secs(30);

/// Writes down what happens to it, and its environment. The worker takes a while to stop, as one does that drains.
const SERVICE: &str = r#"#!/bin/sh
name=$(basename "$0")
env >"$ATELIER_DATA_DIR/$name.env"
echo "$name started" >>"$ATELIER_DATA_DIR/story"
stop() {
    if [ "$name" != api ]; then sleep 0.5; fi
    [ -S "$ATELIER_DATA_DIR/run/valkey.sock" ] && echo "$name stopped before valkey" >>"$ATELIER_DATA_DIR/story"
    exit 0
}
trap stop TERM
while :; do sleep 0.05; done
"#;

/// Starts everything in a folder of its own, and waits until all services run.
fn start() -> (Stack, TempDir) {
    let folder = tempfile::Builder::new().prefix("atelier-stack-").tempdir().unwrap();
    for name in ["api", "worker-sd", "worker-llm"] {
        let path = folder.path().join(name);
        fs::write(&path, SERVICE).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let plan = Plan { programs: folder.path(), data_dir: data_dir(&folder), port: 0, settings: vec![] };
    let stack = Stack::start(plan).unwrap();
    let begun = Instant::now();
    while story(&folder).len() < 3 || !data_dir(&folder).join("run/valkey.sock").exists() {
        assert!(begun.elapsed() < LIMIT, "not started: {}", stack.last_words(&["start", "valkey", "api", "worker-sd"]));
        thread::sleep(Duration::from_millis(20));
    }
    (stack, folder)
}

fn data_dir(folder: &TempDir) -> std::path::PathBuf {
    // With a blank, because people have such folders.
    folder.path().join("the data")
}

fn story(folder: &TempDir) -> Vec<String> {
    let text = fs::read_to_string(data_dir(folder).join("story")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_worker_stops_first_and_valkey_last_and_nothing_is_left() {
    let (stack, folder) = start();
    stack.stop().unwrap();
    let stopped = ["worker-llm", "worker-sd", "api"].map(|name| format!("{name} stopped before valkey"));
    assert_eq!(story(&folder)[3..], stopped);
    assert!(!data_dir(&folder).join("run/valkey.sock").exists(), "Valkey goes on");
}

#[test]
fn each_service_sees_its_own_password_only_and_others_see_nothing() {
    let (stack, folder) = start();
    let data = data_dir(&folder);
    let read = |name: &str| fs::read_to_string(data.join(name)).unwrap();
    let (api, worker) = (read("secrets/api.password"), read("secrets/worker-sd.password"));
    assert!(read("api.env").contains(&api) && !read("api.env").contains(&worker));
    assert!(read("worker-sd.env").contains(&worker) && !read("worker-sd.env").contains(&api));
    assert!(!read("secrets/valkey.acl").contains(&api), "Valkey keeps hashes alone");
    for path in ["", "secrets", "secrets/api.password", "secrets/valkey.acl", "run", "logs"] {
        assert_eq!(mode(&data.join(path)) & 0o077, 0, "{path} is open to others");
    }
    stack.stop().unwrap();
}

#[test]
fn a_second_start_on_the_same_data_is_refused() {
    let (stack, folder) = start();
    let again = Plan { programs: folder.path(), data_dir: data_dir(&folder), port: 0, settings: vec![] };
    let error = Stack::start(again).err().unwrap().to_string();
    assert!(error.contains("something runs on"), "{error}");
    stack.stop().unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode()
}
