//! An own Valkey for each test: a real server on a Unix socket in a private folder, with the settings of a deployment.
//!
//! ```no_run
//! let valkey = testkit::valkey::TestValkey::start()?;
//! println!("{}", valkey.url());
//! # anyhow::Ok(())
//! ```

use std::{
    io::{Read, Write},
    os::unix::{net::UnixStream, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::spawner;

/// Overrides which server is started.
pub const BINARY_VARIABLE: &str = "ATELIER_TEST_VALKEY_BIN";

/// What a deployment sets, so that tests and benches meet what users get.
const DEPLOYED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/valkey.conf");

/// How long a server may take to be ready or to stop.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long to wait between two looks whether the server is ready.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A Valkey server of its own. It dies with this value, and with the test's process.
pub struct TestValkey {
    folder: TempDir,
    arguments: Vec<String>,
    child: Mutex<Option<Child>>,
}

impl TestValkey {
    /// Starts a server and waits until it answers.
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&[])
    }

    /// Starts a server with more arguments: `&["--maxmemory-policy", "allkeys-lru"]`.
    pub fn start_with(arguments: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("valkey-").tempdir().context("could not make a folder")?;
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let server = Self { folder, arguments, child: Mutex::new(None) };
        server.restart()?;
        Ok(server)
    }

    /// Returns the address of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Returns the address for a user of an ACL.
    #[must_use]
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!("{}?user={user}&pass={password}", self.url())
    }

    /// Returns the path of the socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("valkey.sock")
    }

    /// Returns the process id; none while it is stopped.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Child::id)
    }

    /// Kills the server as a crash would. What it answered in the last seconds may be lost: while a flush to a slow disk is
    /// under way, it answers before it writes.
    pub fn kill9(&self) -> anyhow::Result<()> {
        self.end(Signal::KILL)
    }

    /// Kills the server once all that it answered is on the disk.
    pub fn kill9_when_written(&self) -> anyhow::Result<()> {
        self.ask("CONFIG SET appendfsync always")?;
        self.end(Signal::KILL)
    }

    /// Stops the server in order.
    pub fn stop(&self) -> anyhow::Result<()> {
        self.end(Signal::TERM)
    }

    /// Starts the server again on the same folder, and waits until it has loaded its data and answers.
    pub fn restart(&self) -> anyhow::Result<()> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(child.is_none(), "the server runs already");
        *child = Some(self.spawn()?);
        drop(child);
        self.wait_until_ready()
    }

    /// Halts the server without ending it: it keeps its connections, and answers nobody.
    pub fn sigstop(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets a halted server go on.
    pub fn sigcont(&self) -> anyhow::Result<()> {
        self.signal(Signal::CONT)
    }

    /// Cuts the last bytes off the append-only file of a stopped server: what a power failure does. Returns how many.
    pub fn cut_aof_tail(&self, bytes: u64) -> anyhow::Result<u64> {
        ensure!(self.pid().is_none(), "stop the server first");
        let folder = self.folder.path().join("appendonlydir");
        let mut newest: Option<PathBuf> = None;
        for entry in std::fs::read_dir(&folder).with_context(|| format!("could not list {}", folder.display()))? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with(".incr.aof") && newest.as_ref().is_none_or(|other| *other < path) {
                newest = Some(path);
            }
        }
        let path = newest.context("there is no append-only file")?;
        let file = std::fs::File::options().write(true).open(&path)?;
        let size = file.metadata()?.len();
        let cut = bytes.min(size);
        file.set_len(size - cut)?;
        Ok(cut)
    }

    /// Deletes all data. Functions stay.
    pub fn flush(&self) -> anyhow::Result<()> {
        self.ask("FLUSHALL").map(drop)
    }

    /// Deletes all functions, as the loss of the whole folder would.
    pub fn flush_functions(&self) -> anyhow::Result<()> {
        self.ask("FUNCTION FLUSH").map(drop)
    }

    /// Sends one command in a line, and returns the first line of the answer. For faults and settings in tests.
    pub fn ask(&self, line: &str) -> anyhow::Result<String> {
        let answer = ask(&self.socket(), line).with_context(|| format!("could not send {line:?} to Valkey"))?;
        ensure!(!answer.starts_with('-'), "Valkey answered {line:?} with {answer}");
        Ok(answer)
    }

    /// Returns the last lines that the server logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("valkey.log")).unwrap_or_default()
    }

    fn spawn(&self) -> anyhow::Result<Child> {
        let binary = binary()?;
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("valkey.log"))?;
        let mut command = spawner::dying_with_us(&binary);
        command.arg(DEPLOYED).arg("--unixsocket").arg(self.socket()).arg("--dir").arg(self.folder.path());
        command.args(&self.arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        spawner::spawn(command).with_context(|| format!("could not start {}", binary.display()))
    }

    fn wait_until_ready(&self) -> anyhow::Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            // While it loads its data it answers -LOADING; one with a password answers -NOAUTH when it is ready.
            if ask(&self.socket(), "PING").is_ok_and(|answer| answer == "+PONG" || answer.starts_with("-NOAUTH")) {
                return Ok(());
            }
            let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(status) = child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                *child = None;
                bail!("Valkey ended at once ({status}):\n{}", self.log());
            }
            drop(child);
            std::thread::sleep(LOOK_EVERY);
        }
        bail!("Valkey was not ready after {PATIENCE:?}:\n{}", self.log())
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let pid = self.pid().context("the server is stopped")?;
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("the server has no process id")?;
        kill_process(pid, signal).context("could not send a signal to Valkey")
    }

    fn end(&self, signal: Signal) -> anyhow::Result<()> {
        self.signal(signal)?;
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        let status = child.context("the server is stopped")?.wait()?;
        // A server that was killed leaves its socket behind, and nobody must take it for a living one.
        let _ = std::fs::remove_file(self.socket());
        ensure!(signal != Signal::TERM || status.success(), "Valkey ended with {status} ({:?})", status.signal());
        Ok(())
    }
}

impl Drop for TestValkey {
    fn drop(&mut self) {
        if let Some(child) = self.child.get_mut().unwrap_or_else(PoisonError::into_inner) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Returns the program of the server to start: what the variable says, else Valkey, else Redis.
pub fn binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os(BINARY_VARIABLE) {
        return Ok(PathBuf::from(path));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian puts servers into sbin, which is not on everybody's path.
    let folders: Vec<PathBuf> =
        std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/bin"].map(PathBuf::from)).collect();
    let names = ["valkey-server", "redis-server"];
    let mut candidates = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.find(|candidate| candidate.is_file()).with_context(|| {
        format!("neither valkey-server nor redis-server is installed; install one, or set {BINARY_VARIABLE}")
    })
}

fn ask(socket: &Path, line: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{line}\r\n").as_bytes())?;
    let mut answer = Vec::new();
    let mut byte = [0_u8; 1];
    while !answer.ends_with(b"\r\n") && stream.read(&mut byte)? == 1 {
        answer.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&answer).trim_end().to_owned())
}

/// Returns whether this machine has a server to test with.
#[must_use]
pub fn is_available() -> bool {
    binary().is_ok_and(|binary| Command::new(binary).arg("--version").stdout(Stdio::null()).status().is_ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_cut_off_log_loses_the_last_writes_and_no_others() {
        let server = TestValkey::start().unwrap();
        server.ask("SET first 1").unwrap();
        server.ask("SET last 1").unwrap();
        assert!(server.cut_aof_tail(1).is_err(), "the server still runs");
        server.kill9_when_written().unwrap();
        assert_eq!(server.cut_aof_tail(5).unwrap(), 5);
        server.restart().unwrap();
        assert_eq!(server.ask("EXISTS first").unwrap(), ":1");
        assert_eq!(server.ask("EXISTS last").unwrap(), ":0");
    }
}
