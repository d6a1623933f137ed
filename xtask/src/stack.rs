//! Valkey, the API and a worker under supervisord: started, waited for, stopped, and nothing left behind.
//!
//! supervisord runs in a session of its own, so that Ctrl-C in the terminal reaches only this program, which then stops
//! everything in order. If this program is killed instead, the kernel tells supervisord to stop (`setpriv --pdeathsig`).

mod leftovers;
mod ready;
#[cfg(test)]
mod tests;

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::{program, repository, setup, signals::Signals};

/// A little longer than all the limits for stopping in `supervisord.conf` together.
const STOP_LIMIT: Duration = Duration::from_secs(130);

/// What to run, and where.
pub(crate) struct Plan<'a> {
    /// The folder with our programs.
    pub programs: &'a Path,
    /// The data folder, absolute.
    pub data_dir: PathBuf,
    /// The port of the API.
    pub port: u16,
    /// Settings beside these, for example `ATELIER_ENGINE`.
    pub settings: Vec<(&'static str, OsString)>,
}

/// The services, running.
pub(crate) struct Stack {
    supervisord: Child,
    data_dir: PathBuf,
    port: u16,
    has_ended: bool,
}

impl Stack {
    /// Prepares the data folder and starts everything. Returns as soon as supervisord runs.
    pub(crate) fn start(plan: Plan<'_>) -> anyhow::Result<Self> {
        ensure!(
            !is_running(&plan.data_dir),
            "something runs on {} already; stop it first (Ctrl-C where it was started)",
            plan.data_dir.display()
        );
        // Said here, because the service could only say it in its log.
        if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, plan.port)) {
            bail!("port {} cannot be used ({error}); set ATELIER_PORT to another one", plan.port);
        }
        let server = match env::var_os("STACK_VALKEY_SERVER") {
            Some(chosen) => PathBuf::from(chosen),
            None => {
                setup::queue_server().context("there is no valkey-server or redis-server; `cargo xtask setup`")?.path
            }
        };
        let deploy = repository::root().join("deploy");
        program::run_quietly(
            Command::new("sh").arg(deploy.join("prepare.sh")).env("ATELIER_DATA_DIR", &plan.data_dir),
        )?;

        let said = plan.data_dir.join("logs/start.log");
        let log = File::create(&said).with_context(|| format!("could not write {}", said.display()))?;
        let mut command = Command::new("setsid");
        command
            .args(["setpriv", "--pdeathsig", "TERM", "supervisord", "--nodaemon", "--configuration"])
            .arg(repository::root().join("supervisord.conf"))
            .current_dir(repository::root())
            .env("ATELIER_DATA_DIR", &plan.data_dir)
            .env("ATELIER_PORT", plan.port.to_string())
            .env("STACK_BIN_DIR", plan.programs)
            .env("STACK_VALKEY_SERVER", &server)
            // This one is for `cargo xtask engines`; a service would refuse what it does not know.
            .env_remove("ATELIER_ENGINE_FEATURES")
            .envs(plan.settings)
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone().context("could not share the log")?))
            .stderr(Stdio::from(log));
        let supervisord =
            command.spawn().with_context(|| format!("could not start `{}`", program::describe(&command)))?;
        Ok(Self { supervisord, data_dir: plan.data_dir, port: plan.port, has_ended: false })
    }

    /// Waits until jobs can be accepted and a worker is there, and shows what it waits for.
    pub(crate) fn wait_until_ready(&mut self, signals: &Signals, limit: Duration) -> anyhow::Result<()> {
        ready::wait(self, signals, limit)
    }

    /// Returns the address of the API.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns how supervisord ended, if it has.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        let status = self.supervisord.try_wait().context("could not look after supervisord")?;
        self.has_ended |= status.is_some();
        Ok(status)
    }

    /// Stops everything in order: the worker drains, then the API ends, then Valkey. Fails if anything is left.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.stop_in_order()
    }

    fn stop_in_order(&mut self) -> anyhow::Result<()> {
        if self.ended()?.is_none() {
            kill_process(Pid::from_child(&self.supervisord), Signal::TERM)
                .context("could not tell supervisord to stop")?;
            let begun = Instant::now();
            while self.ended()?.is_none() {
                ensure!(begun.elapsed() < STOP_LIMIT, "supervisord did not stop within {} s", STOP_LIMIT.as_secs());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        let left = leftovers::find(&self.data_dir, self.supervisord.id());
        ensure!(left.is_empty(), "these processes were left behind: {}", left.join(", "));
        Ok(())
    }

    /// Returns the last lines of these logs, for a person who has to see why something did not start.
    fn last_words(&self, services: &[&str]) -> String {
        let tail = |name: &&str| {
            let text = fs::read_to_string(self.data_dir.join(format!("logs/{name}.log"))).unwrap_or_default();
            let lines: Vec<_> = text.lines().rev().take(6).collect();
            lines.into_iter().rev().map(|line| format!("\n  {name}: {line}")).collect::<String>()
        };
        services.iter().map(tail).collect()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if !self.has_ended
            && let Err(error) = self.stop_in_order()
        {
            eprintln!("could not stop everything: {error:#}");
        }
    }
}

/// Returns whether a supervisord serves this data folder.
pub(crate) fn is_running(data_dir: &Path) -> bool {
    UnixStream::connect(data_dir.join("run/supervisor.sock")).is_ok()
}

/// Returns the port that a person chose with `ATELIER_PORT` or `PORT`, or the usual one.
pub(crate) fn chosen_port() -> anyhow::Result<u16> {
    for name in ["ATELIER_PORT", "PORT"] {
        if let Ok(text) = env::var(name) {
            return text.parse().with_context(|| format!("{name} must be a port number, not {text:?}"));
        }
    }
    Ok(8080)
}
