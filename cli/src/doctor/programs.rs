//! The programs that the server is made of.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

use contract::system::Check;

use super::{bad, good, warning};

/// Valkey before this has known holes that a program with access to the queue could use.
const SAFE_VALKEY: (u32, u32, u32) = (8, 1, 7);

/// Functions with access lists came with this version, in Redis.
const OLDEST: (u32, u32, u32) = (7, 0, 0);

pub(super) fn look() -> Vec<Check> {
    vec![queue_server(), supervisor()]
}

/// Returns the path of a program in `PATH`, or where Debian keeps programs for the administrator.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Runs a program that only tells something about itself or the machine.
pub(super) fn ask(program: &PathBuf, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn queue_server() -> Check {
    let name = "queue server";
    let Some(path) = ["valkey-server", "redis-server"].into_iter().find_map(find) else {
        return bad(name, "neither valkey-server nor redis-server is installed", "cargo xtask setup");
    };
    let said = ask(&path, &["--version"]).unwrap_or_default();
    judge(&said, &path.display().to_string())
}

fn judge(said: &str, path: &str) -> Check {
    let name = "queue server";
    let is_valkey = said.starts_with("Valkey");
    let product = if is_valkey { "Valkey" } else { "Redis" };
    match version(said) {
        None => warning(name, format!("{path} does not tell its version"), "install valkey-server 8.1.7 or newer"),
        Some(found) if found < OLDEST => bad(
            name,
            format!("{product} {} is too old", dotted(found)),
            "install valkey-server, or redis-server 7.0 or newer",
        ),
        Some(found) if is_valkey && found < SAFE_VALKEY => warning(
            name,
            format!("{product} {} ({path})", dotted(found)),
            "8.1.7 has security fixes; until then nobody but Atelier may open its socket (as supervisord.conf sees to)",
        ),
        Some(found) => good(name, format!("{product} {} ({path})", dotted(found))),
    }
}

fn version(said: &str) -> Option<(u32, u32, u32)> {
    let number = said.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    let mut parts = number.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

fn dotted((major, minor, patch): (u32, u32, u32)) -> String {
    format!("{major}.{minor}.{patch}")
}

fn supervisor() -> Check {
    match find("supervisord") {
        Some(path) => good("supervisor", path.display().to_string()),
        None => warning("supervisor", "not installed; services have to be started by hand", "cargo xtask setup"),
    }
}

#[cfg(test)]
mod tests {
    use contract::system::Verdict;

    use super::*;

    #[test]
    fn versions_are_judged() {
        assert_eq!(judge("Valkey server v=8.1.7 sha=0", "x").verdict, Verdict::Good);
        assert_eq!(judge("Valkey server v=8.0.1 sha=0", "x").verdict, Verdict::Warning);
        assert_eq!(judge("Redis server v=7.0.15 sha=0", "x").verdict, Verdict::Good);
        assert_eq!(judge("Redis server v=6.0.16 sha=0", "x").verdict, Verdict::Bad);
        assert_eq!(judge("", "x").verdict, Verdict::Warning);
    }
}
