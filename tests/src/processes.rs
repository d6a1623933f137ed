//! Processes that nobody owns any more.

use std::{collections::HashSet, fs, path::PathBuf, sync::Mutex};

use rustix::process::{Pid, Signal};

/// The processes that this program has started itself and still knows.
static OWN: Mutex<Option<HashSet<u32>>> = Mutex::new(None);

/// Makes this program the parent of every grandchild whose parent dies, so that strays can be seen.
pub fn adopt_strays() {
    // Without it (other systems than Linux) strays go to the first process and are not seen here.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Notes a process that this program has started.
pub(crate) fn note(pid: u32) {
    if let Ok(mut own) = OWN.lock() {
        own.get_or_insert_default().insert(pid);
    }
}

/// Lists what runs below this program without having been started by it: engines and guards whose worker is gone.
#[must_use]
pub fn strays() -> Vec<String> {
    let own = OWN.lock().ok().and_then(|own| own.clone()).unwrap_or_default();
    children(std::process::id())
        .into_iter()
        .filter(|process| !own.contains(&process.pid))
        .filter(|process| !SERVERS.iter().any(|server| process.name.starts_with(server)))
        .map(|process| format!("{} ({})", process.name, process.pid))
        .collect()
}

/// Servers that the test kit starts and ends by itself.
const SERVERS: [&str; 3] = ["valkey", "redis", "postgres"];

/// A running process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// What the list of processes calls it.
    pub name: String,
    /// The file that it runs.
    pub program: PathBuf,
}

impl Process {
    /// Ends it as `kill -9` does; false if it was gone.
    #[must_use]
    pub fn kill(&self) -> bool {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        pid.is_some_and(|pid| rustix::process::kill_process(pid, Signal::KILL).is_ok())
    }
}

/// Lists the living children of a process.
#[must_use]
pub fn children(parent: u32) -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        // "12 (name) S 1 …": a name may hold blanks and brackets. A process that ends meanwhile has no file.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (head, tail) = stat.rsplit_once(") ")?;
        let mut fields = tail.split(' ');
        let (state, parent_of_it) = (fields.next()?, fields.next()?.parse::<u32>().ok()?);
        let name = head.split_once('(')?.1.to_owned();
        let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        (parent_of_it == parent && state != "Z").then_some(Process { pid, name, program })
    })
    .collect()
}
