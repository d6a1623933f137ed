//! A process of the system under test: started with exactly these settings, watched, and never left behind.

use std::{
    ffi::OsString,
    fs::File,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Context;
use rustix::process::{Pid, Signal};
use testkit::spawner;

use crate::{processes, programs, wait};

/// Settings as environment variables.
pub type Settings = Vec<(String, String)>;

/// A running process. It is killed when it is dropped.
///
/// It also dies with the test's own process, however that ends.
#[derive(Debug)]
pub struct Child {
    name: String,
    process: std::process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts a program in a folder of its own. Of the settings of whoever runs the test, none reaches it.
    pub fn start(name: &str, program: &Path, settings: &Settings, folder: &Path) -> anyhow::Result<Self> {
        Self::spawn(name, program, &[], settings, folder)
    }

    /// Starts a program that is told everything by its arguments.
    pub fn start_with(name: &str, program: &Path, arguments: &[OsString], folder: &Path) -> anyhow::Result<Self> {
        Self::spawn(name, program, arguments, &Settings::new(), folder)
    }

    fn spawn(
        name: &str,
        program: &Path,
        arguments: &[OsString],
        settings: &Settings,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let log = folder.join(format!("{name}.log"));
        let file = File::options().append(true).create(true).open(&log).context("opening a log")?;
        let mut command = spawner::dying_with_us(program);
        command.args(arguments);
        for (key, _) in std::env::vars_os() {
            if key.to_str().is_some_and(|key| key.starts_with("ATELIER_") || key == "PORT" || key.starts_with("OTEL_"))
            {
                command.env_remove(key);
            }
        }
        command.envs(settings.iter().map(|(key, value)| (key, value))).current_dir(folder).stdin(Stdio::null());
        command.stdout(file.try_clone()?).stderr(file);
        let process =
            spawner::spawn(command).with_context(|| format!("could not start {}", programs::name(program)))?;
        processes::note(process.id());
        Ok(Self { name: name.to_owned(), process, log })
    }

    /// Returns what it is called in messages and in the name of its log.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the id of the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Returns all that it has written.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Sends a signal, if the process still runs.
    pub fn signal(&mut self, signal: Signal) {
        if self.ended().is_none()
            && let Some(pid) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw)
        {
            // It may end between the look and the signal; it is not waited for, so its id is not given away.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Returns how it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// Ends it as `kill -9` does, and waits until it is gone.
    pub fn kill(&mut self) {
        // Both fail only for a process that has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Waits for its end.
    pub async fn wait(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let what = format!("the end of {}", self.name);
        let process = std::cell::RefCell::new(&mut self.process);
        wait::until(limit, &what, || {
            let ended = process.borrow_mut().try_wait().ok().flatten();
            async move { ended }
        })
        .await
    }

    /// Asks it to stop with SIGTERM and waits for its end.
    pub async fn stop(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM);
        self.wait(limit).await
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Says how a process ended, for people.
#[must_use]
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown end".to_owned(),
    }
}
