//! A PostgreSQL server of a test's own, on a Unix socket in a folder of its own.
//!
//! Making a new cluster takes seconds, so the first start keeps one in the user's cache folder and every later start copies it.
//! Nothing is synced to disk: a test that loses its server loses its data too.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::{
        fs::{DirBuilderExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::{
    fs::{FlockOperation, flock},
    process::{Pid, Signal, kill_process},
};
use tempfile::TempDir;

use crate::spawner;

/// How long a server may take to come up or to go down; both take some hundred milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// Part of the name of the kept cluster: raise it when the options of `initdb` change.
const TEMPLATE_VERSION: u32 = 1;

/// A server that lives as long as this value.
pub struct TestPostgres {
    server: Child,
    url: String,
    _folder: TempDir,
}

impl TestPostgres {
    /// Starts a server with an empty database.
    pub fn start() -> anyhow::Result<Self> {
        let programs = find_programs()?;
        let account = Account::choose()?;
        let folder = tempfile::Builder::new().prefix("atelier-postgres-").tempdir().context("making a folder")?;
        let data = folder.path().join("data");
        copy_template(&programs, account, &data)?;
        account.own(folder.path())?;

        let mut command = account.command(&programs.join("postgres"));
        command
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off"])
            .args(["-c", "synchronous_commit=off", "-c", "shared_buffers=16MB", "-c", "lc_messages=C"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut server = spawner::spawn(command).context("starting postgres")?;
        let said = server.stderr.take().context("postgres without a standard error")?;
        let url = format!("postgres:///postgres?host={}&user=atelier", folder.path().display());
        let started = Self { server, url, _folder: folder };
        wait_until_ready(said)?;
        Ok(started)
    }

    /// Returns the address of its database, for sqlx.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        // QUIT ends the server and its children at once; the folder goes afterwards, when nobody writes in it.
        if let Ok(Some(pid)) = i32::try_from(self.server.id()).map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::QUIT);
        }
        let _ = self.server.wait();
    }
}

/// The account that runs the server: PostgreSQL refuses to run as root.
#[derive(Debug, Clone, Copy)]
enum Account {
    OurOwn,
    Other { user: u32, group: u32 },
}

impl Account {
    fn choose() -> anyhow::Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self::OurOwn);
        }
        let accounts = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
        let ids = |name: &str| {
            let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
            let mut fields = line.split(':').skip(2);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        };
        let (user, group) =
            ids("postgres").or_else(|| ids("nobody")).context("root needs an account postgres or nobody")?;
        Ok(Self::Other { user, group })
    }

    /// Returns a command that runs under this account, and ends with the thread that starts it.
    fn command(self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        if let Self::Other { user, group } = self {
            command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups");
        }
        command.args(["--pdeathsig", "QUIT"]).arg(program).current_dir("/").process_group(0);
        command
    }

    /// Gives it a folder with all that is in it.
    fn own(self, path: &Path) -> anyhow::Result<()> {
        let Self::Other { user, group } = self else { return Ok(()) };
        chown(path, Some(user), Some(group)).with_context(|| format!("giving away {}", path.display()))?;
        if path.is_dir() {
            for entry in fs::read_dir(path).with_context(|| format!("reading {}", path.display()))? {
                self.own(&entry?.path())?;
            }
        }
        Ok(())
    }
}

/// Returns the folder with the newest `postgres` and `initdb`.
fn find_programs() -> anyhow::Result<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| {
        let version: u32 = entry.file_name().to_string_lossy().parse().unwrap_or(0);
        (version, entry.path().join("bin"))
    });
    let elsewhere = std::env::var_os("PATH").unwrap_or_default();
    let elsewhere = std::env::split_paths(&elsewhere).map(|folder| (0, folder));
    debian
        .chain(elsewhere)
        .filter(|(_, folder)| folder.join("postgres").is_file() && folder.join("initdb").is_file())
        .max_by_key(|(version, _)| *version)
        .map(|(_, folder)| folder)
        .context("there is no PostgreSQL server here; on Debian: apt-get install postgresql")
}

/// Copies the kept cluster to `data`, after making it if there is none.
fn copy_template(programs: &Path, account: Account, data: &Path) -> anyhow::Result<()> {
    let cache = cache_folder()?;
    fs::create_dir_all(&cache).with_context(|| format!("making {}", cache.display()))?;
    let version = Command::new(programs.join("postgres")).arg("--version").output().context("asking its version")?;
    let version = String::from_utf8_lossy(&version.stdout);
    // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
    let version = version.split(' ').nth(2).unwrap_or("unknown").trim();
    let template = cache.join(format!("postgres-{version}-{TEMPLATE_VERSION}"));

    // Tests start side by side: one makes the cluster, the others wait for it.
    let lock = File::create(cache.join("postgres.lock")).context("making a lock")?;
    flock(&lock, FlockOperation::LockExclusive).context("waiting for the kept cluster")?;
    if !template.is_dir() {
        make_template(programs, account, &template)?;
    }
    drop(lock);
    copy_folder(&template, data)
}

fn cache_folder() -> anyhow::Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(base.join("atelier"))
}

/// Makes a cluster. It appears under its name only once it is whole.
fn make_template(programs: &Path, account: Account, template: &Path) -> anyhow::Result<()> {
    // The account may not enter our cache folder, so the cluster is made in a folder of its own.
    let folder = tempfile::tempdir().context("making a folder")?;
    account.own(folder.path())?;
    let data = folder.path().join("data");
    let mut initdb: OsString = "-D".into();
    initdb.push(&data);
    let made = account
        .command(&programs.join("initdb"))
        .arg(initdb)
        .args(["--username=atelier", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .arg("--wal-segsize=1")
        .output()
        .context("running initdb")?;
    if !made.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
    }
    let partial = template.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| format!("removing {}", partial.display()))?;
    }
    copy_folder(&data, &partial)?;
    fs::rename(&partial, template).with_context(|| format!("keeping {}", template.display()))
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(to).with_context(|| format!("making {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("copying to {}", target.display()))?;
        }
    }
    Ok(())
}

/// Waits until the server says that it takes connections, and goes on reading so that it never blocks on a full pipe.
fn wait_until_ready(said: ChildStderr) -> anyhow::Result<()> {
    let (ready, is_ready) = mpsc::channel();
    thread::spawn(move || {
        let mut last = VecDeque::new();
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            if line.contains("ready to accept connections") {
                let _ = ready.send(Ok(()));
            }
            last.push_back(line);
            if last.len() > 10 {
                last.pop_front();
            }
        }
        let _ = ready.send(Err(last.into_iter().collect::<Vec<_>>().join("\n")));
    });
    match is_ready.recv_timeout(PATIENCE) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(last)) => bail!("postgres ended at once:\n{last}"),
        Err(_) => bail!("postgres was not ready within {PATIENCE:?}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_there_while_its_value_lives_and_gone_afterwards() {
        let server = TestPostgres::start().unwrap();
        let pid = Pid::from_raw(i32::try_from(server.server.id()).unwrap()).unwrap();
        let socket = server._folder.path().join(".s.PGSQL.5432");
        assert!(std::os::unix::net::UnixStream::connect(&socket).is_ok());
        drop(server);
        assert!(rustix::process::test_kill_process(pid).is_err());
        assert!(!socket.exists());
    }
}
