//! `cargo xtask setup`: finds out what this machine lacks and installs it, or says exactly how to.

mod apt;
mod backports;
mod needs;
mod tools;

use anyhow::bail;

pub(crate) use needs::{Purpose, queue_server};

use needs::Need;

use crate::program;

/// Installs what is missing for this purpose. Says nothing when nothing is.
pub(crate) fn ensure(purpose: Purpose) -> anyhow::Result<()> {
    let missing = missing(purpose);
    if !missing.is_empty() {
        println!("this machine lacks:");
        for need in &missing {
            println!("  {:<18} {}", need.name, need.why);
        }
        install(&missing)?;
        let still = self::missing(purpose);
        if let Some(need) = still.first() {
            bail!("{} was installed and is still not found; {}", need.name, need.by_hand);
        }
    }
    if purpose == Purpose::Test { tools::ensure() } else { Ok(()) }
}

/// Installs everything that running and testing need, and says what it found.
pub(crate) fn setup() -> anyhow::Result<()> {
    ensure(Purpose::Test)?;
    for need in needs::all().filter(|need| need.purpose <= Purpose::Test) {
        println!("  {:<18} found", need.name);
    }
    println!("  {:<18} {}", "queue server", needs::queue_server().map_or_else(String::new, |found| found.to_string()));
    println!("nothing is missing: `cargo xtask demo` makes a first picture");
    Ok(())
}

fn missing(purpose: Purpose) -> Vec<Need> {
    needs::all().filter(|need| need.purpose <= purpose && !(need.is_there)()).collect()
}

fn install(missing: &[Need]) -> anyhow::Result<()> {
    if program::find("apt-get").is_none() {
        let by_hand: Vec<_> = missing.iter().map(|need| format!("  {}: {}", need.name, need.by_hand)).collect();
        bail!("this is no Debian or Ubuntu; please install by hand, then start again:\n{}", by_hand.join("\n"));
    }
    if !rustix::process::geteuid().is_root() {
        bail!("please run this, then start again:\n  {}", apt::command_for_people(missing));
    }
    apt::install(missing)
}
