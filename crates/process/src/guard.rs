//! The shell that leads the group of a program, and kills it once nobody here is left.

use std::{io, process::Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// The shell.
pub(crate) const SHELL: &str = "/bin/sh";

/// Waits for the end of standard input, and then kills the group, itself included.
/// Polite signals to the group are for the program.
const SCRIPT: &str = "trap '' HUP INT QUIT TERM; read -r _; kill -KILL 0";

/// A living guard, and with it the group that it leads.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    group: Pid,
}

impl Guard {
    /// Starts a guard; `name` is what the list of processes shows.
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let shell = Command::new(SHELL)
            .args(["-c", SCRIPT, &format!("guard of {name}")])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let group = shell.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let group = group.ok_or_else(|| io::Error::other("the guard has no process id"))?;
        Ok(Self { shell, group })
    }

    /// Returns the number of the group.
    pub(crate) fn group(&self) -> Pid {
        self.group
    }

    /// Sends a signal to everything in the group. The guard itself obeys `Signal::KILL` only.
    pub(crate) fn signal(&self, signal: Signal) {
        // It fails only if there is nobody left, which is as good.
        let _ = kill_process_group(self.group, signal);
    }

    /// Kills everything in the group, and takes the guard out of the list of processes.
    pub(crate) async fn end(mut self) {
        self.signal(Signal::KILL);
        let _ = self.shell.wait().await;
    }
}
