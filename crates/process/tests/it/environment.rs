//! What a program may know of our environment.

use process::Program;

use super::lines;

#[tokio::test]
async fn a_program_inherits_no_secrets() {
    // The test runner sets this one, as a stand-in for a token.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let mut child = Program::new("/usr/bin/env").env("GIVEN", "yes").start().unwrap();
    let mut lines = lines(&mut child);
    let mut seen = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        seen.push(line.split('=').next().unwrap().to_owned());
    }
    assert!(seen.contains(&"GIVEN".to_owned()), "{seen:?}");
    assert!(seen.contains(&"PATH".to_owned()), "{seen:?}");
    assert!(!seen.iter().any(|name| name.starts_with("CARGO") || name.starts_with("NEXTEST")), "{seen:?}");
}
