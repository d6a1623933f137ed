//! The end of a program and of everything that it started.

use std::time::{Duration, Instant};

use super::{LIMIT, lines, shell, wait_until_gone};

#[tokio::test]
async fn a_polite_program_is_asked_and_may_tidy_up() {
    let mut child = shell("trap 'echo tidied; exit 0' TERM; echo up; while :; do read -r _ || sleep 0.01; done");
    let mut lines = lines(&mut child);
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "up");
    assert!(child.stop(LIMIT).await.is_success());
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "tidied");
}

#[tokio::test]
async fn a_stubborn_program_is_killed_after_the_grace_with_what_it_started() {
    let mut child = shell("trap '' TERM; sh -c 'trap \"\" TERM; echo $$; exec sleep 1000' & wait");
    let mut lines = lines(&mut child);
    let grandchild = lines.next_line().await.unwrap().unwrap().parse().unwrap();
    let _held_open = child.take_stdin();
    let begun = Instant::now();
    let exit = child.stop(Duration::from_millis(100)).await;
    assert_eq!(exit.signal, Some(9));
    assert!(begun.elapsed() >= Duration::from_millis(100));
    wait_until_gone(grandchild);
}

#[tokio::test]
async fn a_dropped_program_goes_with_what_it_started() {
    let mut child = shell("echo $$; sh -c 'echo $$; exec sleep 1000' & wait");
    let mut lines = lines(&mut child);
    let ids = [lines.next_line().await.unwrap().unwrap(), lines.next_line().await.unwrap().unwrap()];
    let _held_open = child.take_stdin();
    drop(child);
    for id in ids {
        wait_until_gone(id.parse().unwrap());
    }
}

#[tokio::test]
async fn what_a_program_leaves_behind_goes_when_it_ends_by_itself() {
    let mut child = shell("sleep 1000 & echo $!; exit 0");
    let _held_open = child.take_stdin();
    let mut lines = lines(&mut child);
    let grandchild = lines.next_line().await.unwrap().unwrap().parse().unwrap();
    assert!(child.exited().await.is_success());
    wait_until_gone(grandchild);
}
