//! Nothing outlives the process that started it, not even when that is killed.
//!
//! The test starts itself a second time as the parent to kill: the same test, with [`PARENT`] set.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use super::{is_there, lines, shell, wait_until_gone};

/// Set in the process that plays the parent.
const PARENT: &str = "PROCESS_TEST_PARENT";

#[test]
fn a_killed_parent_leaves_nothing_behind() {
    if std::env::var_os(PARENT).is_some() {
        be_the_parent();
        return;
    }
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "orphans::a_killed_parent_leaves_nothing_behind", "--nocapture"])
        .env(PARENT, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(parent.stdout.take().unwrap()).lines().map(Result::unwrap);
    let ids: Vec<i32> =
        said.filter_map(|line| line.split_once("process=").map(|(_, id)| id.parse().unwrap())).take(3).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| is_there(*id)), "the test sees nothing");
    parent.kill().unwrap();
    parent.wait().unwrap();
    for id in ids {
        wait_until_gone(id);
    }
}

/// Starts a program that ignores every polite hint, with a grandchild, says who they are, and waits to be killed.
fn be_the_parent() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let stubborn = "trap '' TERM HUP; echo process=$$; sh -c 'echo process=$$; while :; do sleep 1; done' & wait";
        let mut child = shell(stubborn);
        // The guard leads the group.
        let mut lines = lines(&mut child);
        println!("{}", lines.next_line().await.unwrap().unwrap());
        println!("{}", lines.next_line().await.unwrap().unwrap());
        let own = rustix::process::Pid::from_raw(i32::try_from(child.process_id().unwrap()).unwrap());
        println!("process={}", rustix::process::getpgid(own).unwrap().as_raw_nonzero());
        std::future::pending::<()>().await;
    });
}
