//! Processes that should have ended with the services.

use std::{fs, path::Path};

/// Returns `name (pid)` of every process that still belongs to this data folder, or to the session of that supervisord.
pub(crate) fn find(data_dir: &Path, session: u32) -> Vec<String> {
    let data = format!("ATELIER_DATA_DIR={}", data_dir.display());
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut found = Vec::new();
    for process in processes {
        let folder = process.path();
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stat = fs::read_to_string(folder.join("stat")).unwrap_or_default();
        let environment = fs::read(folder.join("environ")).unwrap_or_default();
        let is_of_session = session_of(&stat) == Some(session);
        // The data folder alone may also stand in the environment of the shell that this program was started from.
        let mut entries = environment.split(|byte| *byte == 0);
        let is_of_data = entries.clone().any(|entry| entry == data.as_bytes())
            && entries.any(|entry| entry.starts_with(b"STACK_BIN_DIR="));
        if (is_of_session || is_of_data) && pid != std::process::id() && is_alive(&stat) {
            let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
            found.push(format!("{} ({pid})", name.trim()));
        }
    }
    found
}

/// `pid (name) state parent group session …`; the name may hold blanks and brackets.
fn session_of(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(3)?.parse().ok()
}

fn is_alive(stat: &str) -> bool {
    stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().next()).is_some_and(|state| state != "Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_read_behind_a_name_with_brackets() {
        let stat = "4711 (a (b) c) S 1 4711 4700 0 -1 4194304";
        assert_eq!(session_of(stat), Some(4700));
        assert!(is_alive(stat));
        assert!(!is_alive("4711 (a) Z 1 4711 4700"));
    }

    #[test]
    fn a_process_with_our_data_folder_is_found_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("cat")
            .env("ATELIER_DATA_DIR", folder.path())
            .env("STACK_BIN_DIR", "/")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        assert_eq!(find(folder.path(), u32::MAX), [format!("cat ({})", child.id())]);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(find(folder.path(), u32::MAX).is_empty());
    }
}
