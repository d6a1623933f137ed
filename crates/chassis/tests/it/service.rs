//! The smallest service as a process of its own, with its log.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Nothing here takes this long unless it is broken.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Service {
    child: Child,
    lines: Receiver<String>,
}

impl Service {
    /// Starts the service with these variables and no others of ours; it logs in JSON.
    pub(crate) fn start(variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(arguments).env_clear().env("ATELIER_LOG_FORMAT", "json").envs(variables.iter().copied());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    pub(crate) fn next_line(&self) -> Option<String> {
        self.lines.recv_timeout(LIMIT).ok()
    }

    /// Returns the first entry of the log with this message.
    pub(crate) fn entry(&self, message: &str) -> Value {
        loop {
            let line = self.next_line().unwrap_or_else(|| panic!("the service never said: {message}"));
            let entry: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            if entry["message"].as_str().is_some_and(|text| text.contains(message)) {
                return entry;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for the end of the process; returns how it ended and how long that took.
    pub(crate) fn wait(mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        // The log ends with the process.
        while self.next_line().is_some() {}
        assert!(began.elapsed() < LIMIT, "the service does not end");
        (self.child.wait().unwrap(), began.elapsed())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cargo builds examples beside the tests.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join("examples/smallest_service")
}

pub(crate) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9)
}
