//! Installing packages of Debian and Ubuntu without starting any service of theirs.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Context;

use super::{
    backports,
    needs::{self, Need},
};
use crate::program;

/// Debian asks this program whether a package may start its service; 101 means no.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Returns the one line that a person without our rights has to run.
pub(crate) fn command_for_people(missing: &[Need]) -> String {
    let mut packages = Vec::new();
    for package in missing.iter().map(package_for_people) {
        // Redis may stand in for Valkey, and be wanted for its own sake too.
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    format!("sudo apt-get update && sudo apt-get install --no-install-recommends -y {}", packages.join(" "))
}

/// A person need not add a source of packages: what the distribution has will do.
fn package_for_people(need: &Need) -> &'static str {
    if need.package == needs::VALKEY && !has_candidate(needs::VALKEY) { "redis-server" } else { need.package }
}

/// Installs the packages, as root.
pub(crate) fn install(missing: &[Need]) -> anyhow::Result<()> {
    let known_before = known_services();
    let quiet = KeepQuiet::begin()?;
    apt_get(&["update", "-q"])?;
    let mut packages: Vec<_> = missing.iter().flat_map(|need| need.package.split(' ')).collect();
    let wants_valkey = packages.contains(&needs::VALKEY);
    packages.retain(|package| *package != needs::VALKEY);
    if wants_valkey {
        install_queue_server()?;
    }
    if !packages.is_empty() {
        install_packages(&[], &packages)?;
    }
    drop(quiet);
    keep_from_starting_at_boot(&known_before);
    Ok(())
}

/// Valkey from the distribution, or from backports, or else Redis.
fn install_queue_server() -> anyhow::Result<()> {
    if has_candidate(needs::VALKEY) {
        return install_packages(&[], &[needs::VALKEY]);
    }
    if let Some(source) = backports::add()? {
        println!("Valkey is not in {}; added {} to the sources of apt", source.codename, source.file.display());
        let suite = format!("{}-backports", source.codename);
        let installed = apt_get(&["update", "-q"]).and_then(|()| install_packages(&["-t", &suite], &[needs::VALKEY]));
        match installed {
            Ok(()) => return Ok(()),
            Err(error) => {
                println!("no Valkey in {suite} ({error:#}); taking Redis instead");
                fs::remove_file(&source.file).with_context(|| format!("could not remove {}", source.file.display()))?;
                apt_get(&["update", "-q"])?;
            }
        }
    }
    install_packages(&[], &["redis-server"])
}

fn install_packages(options: &[&str], packages: &[&str]) -> anyhow::Result<()> {
    apt_get(&[&["install", "-q", "-y", "--no-install-recommends"], options, packages].concat())
}

fn apt_get(arguments: &[&str]) -> anyhow::Result<()> {
    program::run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()))
}

fn has_candidate(package: &str) -> bool {
    program::read(Command::new("apt-cache").args(["policy", package]).env("LC_ALL", "C"))
        .is_ok_and(|said| candidate_in(&said).is_some())
}

fn candidate_in(said: &str) -> Option<&str> {
    let version = said.lines().find_map(|line| line.trim().strip_prefix("Candidate:"))?.trim();
    (version != "(none)").then_some(version)
}

/// While it lives, no package starts its service.
struct KeepQuiet {
    is_ours: bool,
}

impl KeepQuiet {
    fn begin() -> anyhow::Result<Self> {
        let is_ours = !Path::new(POLICY).exists();
        if is_ours {
            fs::write(POLICY, "#!/bin/sh\nexit 101\n")
                .and_then(|()| fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)))
                .with_context(|| format!("could not write {POLICY}"))?;
        }
        Ok(Self { is_ours })
    }
}

impl Drop for KeepQuiet {
    fn drop(&mut self) {
        if self.is_ours
            && let Err(error) = fs::remove_file(POLICY)
            && error.kind() != ErrorKind::NotFound
        {
            eprintln!("{POLICY} could not be removed ({error}); services will not start by themselves until it is");
        }
    }
}

/// The services that our packages bring along.
const SERVICES: &[&str] = &["valkey-server", "redis-server", "supervisor", "postgresql"];

fn known_services() -> Vec<&'static str> {
    let is_known = |name: &&str| {
        ["/lib/systemd/system", "/usr/lib/systemd/system"]
            .iter()
            .any(|folder| Path::new(folder).join(format!("{name}.service")).is_file())
    };
    SERVICES.iter().copied().filter(is_known).collect()
}

/// Our servers are our own processes. Those that the packages bring along would only take ports and memory at every boot;
/// a service that was there before belongs to somebody else and stays as it is.
fn keep_from_starting_at_boot(known_before: &[&str]) {
    if program::find("systemctl").is_none() {
        return;
    }
    for service in known_services().iter().filter(|service| !known_before.contains(service)) {
        if program::succeeds(Command::new("systemctl").args(["disable", service])) {
            println!("the service {service} of the new package will not start at boot: Atelier starts its own");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_a_candidate_is_not_there() {
        let none = "valkey-server:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n";
        let some = "valkey-server:\n  Installed: (none)\n  Candidate: 8.1.1+dfsg1-3\n  Version table:\n";
        assert_eq!(candidate_in(none), None);
        assert_eq!(candidate_in(some), Some("8.1.1+dfsg1-3"));
        assert_eq!(candidate_in(""), None);
    }

    #[test]
    fn a_person_gets_one_line_with_every_package() {
        let missing: Vec<_> = needs::all().filter(|need| need.package != needs::VALKEY).collect();
        let line = command_for_people(&missing);
        assert!(line.starts_with("sudo apt-get update && sudo apt-get install"), "{line}");
        assert!(
            line.contains(" supervisor build-essential cmake libclang-dev python3-venv redis-server postgresql npm"),
            "{line}"
        );
    }
}
