//! Programs under control, with real shells.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod environment;
mod orphans;
mod stop;

use std::time::Duration;

use process::{Child, Exit, Program, State};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(20);

/// Starts a shell with a script.
fn shell(script: &str) -> Child {
    Program::new("/bin/sh").arg("-c").arg(script).start().unwrap()
}

/// The lines that a child writes.
fn lines(child: &mut Child) -> Lines<BufReader<tokio::process::ChildStdout>> {
    BufReader::new(child.take_stdout().unwrap()).lines()
}

/// Waits until a process, anybody's, is gone.
fn wait_until_gone(process_id: i32) {
    match pidfd_open(Pid::from_raw(process_id).unwrap(), PidfdFlags::empty()) {
        Ok(process) => {
            let limit = Timespec::try_from(LIMIT).unwrap();
            let ready = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit)).unwrap();
            assert_eq!(ready, 1, "process {process_id} is still there");
        }
        Err(error) => assert_eq!(error, Errno::SRCH),
    }
}

fn is_there(process_id: i32) -> bool {
    rustix::process::test_kill_process(Pid::from_raw(process_id).unwrap()).is_ok()
}

#[tokio::test]
async fn a_program_answers_on_its_pipes_until_its_input_ends() {
    let mut child = shell("while read -r line; do echo \"heard $line\"; done");
    let mut stdin = child.take_stdin().unwrap();
    let mut lines = lines(&mut child);
    stdin.write_all(b"this\nand that\n").await.unwrap();
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "heard this");
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "heard and that");
    drop(stdin);
    assert!(child.exited().await.is_success());
    assert_eq!(lines.next_line().await.unwrap(), None);
}

#[tokio::test]
async fn the_last_words_are_there_as_soon_as_the_program_is_known_to_be_gone() {
    let child = shell("for n in 1 2 3 4 5; do echo word $n >&2; done; exit 7");
    let exit = child.exited().await;
    assert_eq!(exit, Exit { code: Some(7), signal: None });
    assert_eq!(child.log().last(2), ["word 4", "word 5"]);
}

#[tokio::test]
async fn a_program_passes_through_its_states_in_order() {
    let mut child = shell("exec cat");
    assert_eq!(child.state(), State::Starting);
    child.set_ready();
    assert_eq!(child.state(), State::Ready);
    child.kill();
    assert_eq!(child.state(), State::Stopping);
    child.set_ready();
    assert_eq!(child.state(), State::Stopping, "what was told to go is never ready again");
    let exit = child.stop(LIMIT).await;
    assert_eq!(exit.signal, Some(9));
    assert_eq!(child.state(), State::Exited(exit));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let error = Program::new("/no/such/program").start().unwrap_err();
    assert_eq!(error.to_string(), "could not start /no/such/program");
}
