//! Which build of llama-server a worker takes, with builds that fail as real ones do.

use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Stdio};

use contract::worker::BuildVerdict;
use serde_json::json;
use tempfile::TempDir;
use testkit::{broken_programs, wait::PATIENCE};
use tokio::{process::Command, time::timeout};

use crate::salon::{Salon, chat, program};

/// Lists a card, and dies as soon as it is to use it.
const DIES_AT_WORK: &str = r#"
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    int main(int count, char **arguments) {
        for (int place = 1; place < count; place++) {
            if (!strcmp(arguments[place], "--list-devices")) {
                puts("Available devices:\n  Vulkan0: a card (8192 MiB, 8000 MiB free)");
                return 0;
            }
        }
        fputs("ggml_vulkan: what(): vk::DeviceLostError\n", stderr);
        abort();
    }
"#;

/// Makes a folder of builds of which none works.
fn broken_builds(folder: &TempDir) -> PathBuf {
    let builds = folder.path().join("builds");
    fs::create_dir(&builds).unwrap();
    broken_programs::write_without_library(&builds.join("llama-server-cuda")).unwrap();
    broken_programs::write_hanging(&builds.join("llama-server-metal")).unwrap();
    broken_programs::write(&builds.join("llama-server-vulkan"), DIES_AT_WORK).unwrap();
    builds
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_build_that_works_is_taken_and_the_worker_says_why_not_the_others() {
    use BuildVerdict::{Chosen, NotTried, PassedOver};
    let folder = tempfile::tempdir().unwrap();
    testkit::tiny_models::write_llm(&folder.path().join("models")).unwrap();
    let builds = broken_builds(&folder);
    symlink(program(), builds.join("llama-server")).unwrap();
    fs::copy(program(), builds.join("llama-server-cpu")).unwrap();
    let settings = [
        ("ATELIER_LLAMA_SERVER", ""),
        ("ATELIER_ENGINES_DIR", builds.to_str().unwrap()),
        ("ATELIER_ENGINE_TRIAL_S", "10"),
    ];
    let mut salon = Salon::open_in(folder, &settings).await;
    let answer = salon.hear("smoke", chat("hello", json!({ "sampling": { "max_tokens": 3 } }))).await;
    assert!(!answer.words().is_empty());
    let said = salon.worker_says(|worker| !worker.engine_builds.is_empty()).await;
    let verdicts: Vec<_> = said.engine_builds.iter().map(|build| (build.program.as_str(), build.verdict)).collect();
    let expected = [
        ("llama-server-cuda", PassedOver),
        ("llama-server-metal", PassedOver),
        ("llama-server-vulkan", PassedOver),
        ("llama-server", Chosen),
        ("llama-server-cpu", NotTried),
    ];
    assert_eq!(verdicts, expected);
    let words = [broken_programs::MISSING_LIBRARY, "within 10 s", "DeviceLostError", "computes on cpu", "works"];
    for (build, words) in said.engine_builds.iter().zip(words) {
        assert!(build.finding.contains(words), "{build:?}");
    }
    assert_eq!(said.device, "cpu");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_build_works_each_is_named_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let builds = broken_builds(&folder);
    fs::remove_file(builds.join("llama-server-metal")).unwrap();
    // It starts and computes, but not on what its name says.
    symlink(program(), builds.join("llama-server-metal")).unwrap();
    let mut worker = Command::new(env!("CARGO_BIN_EXE_worker-llm"));
    worker.current_dir(folder.path()).env("ATELIER_DATA_DIR", folder.path()).env("ATELIER_ENGINES_DIR", &builds);
    worker.stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, worker.output()).await.unwrap().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words}");
    for part in
        [broken_programs::MISSING_LIBRARY, "finds no device of its kind", "DeviceLostError", "cargo xtask engines"]
    {
        assert!(words.contains(part), "{part}: {words}");
    }
}
