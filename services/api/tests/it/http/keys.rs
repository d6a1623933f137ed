//! The program itself: it does not open itself to strangers, and an administrator can make keys without a server.

use std::process::{Command, Output};

use tempfile::TempDir;

fn api(folder: &TempDir, arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_api"));
    command.args(arguments).current_dir(folder.path()).env_clear();
    command.env("ATELIER_DATA_DIR", folder.path()).env("ATELIER_PORT", "0");
    // Nobody listens there: whatever gets past the checks of the settings fails on Valkey.
    command.env("ATELIER_VALKEY_URL", "redis+unix:///nonexistent/valkey.sock");
    command.envs(settings.iter().copied()).output().unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn off_the_loopback_the_server_refuses_to_start_without_a_key_and_says_how_to_make_one() {
    let folder = TempDir::new().unwrap();
    for host in ["0.0.0.0", "::", "192.168.1.5"] {
        let output = api(&folder, &[], &[("ATELIER_HOST", host)]);
        assert_eq!(output.status.code(), Some(64), "{host}: {}", words(&output));
        assert!(words(&output).contains("api keys create --name me"), "{}", words(&output));
    }
    let output = api(&folder, &[], &[("ATELIER_HOST", "0.0.0.0"), ("ATELIER_API_KEY", "short")]);
    assert_eq!(output.status.code(), Some(64));
    assert!(!words(&output).contains("short"), "{}", words(&output));

    let output = api(&folder, &["keys", "create", "--name", "me"], &[]);
    assert!(output.status.success(), "{}", words(&output));
    let secret = String::from_utf8(output.stdout).unwrap();
    assert!(secret.starts_with("atl_") && secret.trim().len() == 47, "{secret}");
    // With a key on record it gets as far as Valkey, which is not there.
    let output = api(&folder, &[], &[("ATELIER_HOST", "0.0.0.0")]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(words(&output).contains("ATELIER_VALKEY_URL"), "{}", words(&output));
}

#[test]
fn keys_are_listed_and_revoked_from_the_command_line() {
    let folder = TempDir::new().unwrap();
    let run = |arguments: &[&str]| {
        let output = api(&folder, arguments, &[]);
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned(), words(&output))
    };
    let (_, secret, _) = run(&["keys", "create", "--name", "phone", "--scope", "read"]);
    let (_, list, _) = run(&["keys", "list"]);
    assert!(list.contains("phone") && list.contains("Read") && !list.contains(secret.trim()), "{list}");
    let id = list.split_whitespace().next().unwrap();
    assert!(run(&["keys", "delete", id]).0);
    assert_eq!(run(&["keys", "list"]).1, "");
    assert!(!run(&["keys", "delete", id]).0);
    assert!(!run(&["keys", "create", "--name", ""]).0);
}

#[test]
fn the_api_document_is_printed_without_any_setting() {
    let folder = TempDir::new().unwrap();
    let output = api(&folder, &["openapi"], &[]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), api::openapi_json());
}
