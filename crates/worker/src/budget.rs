//! The budget: how much memory the models of a device may hold together, by what the machine, its container or the driver
//! says.
//!
//! Who may have how much of it, and who must leave, is decided by the ledger of the device (`queue::memory`), which all
//! workers of the device share.

use std::{fs, time::Duration};

use tokio::{process::Command, time::timeout};
use tracing::{debug, info};

/// Without measurements, what is held together should stay below this share of what there is.
const COMFORTABLE_PERCENT: u64 = 75;
/// A driver that does not answer within this time is not asked again.
const DRIVER_LIMIT: Duration = Duration::from_secs(10);
/// Where a container of cgroup v2 finds the limit that holds for it.
const LIMIT_OF_CONTAINER: &str = "/sys/fs/cgroup/memory.max";
/// Enough to try, where nothing can be found out.
const UNKNOWN_MIB: u64 = 8192;

/// How much memory the models of a device may hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Whoever wants to go beyond this makes others leave first.
    pub comfortable_mib: u64,
    /// Nothing can be larger than this.
    pub whole_mib: u64,
}

impl Budget {
    /// Returns a budget that somebody set: exactly that.
    #[must_use]
    pub fn set(mib: u64) -> Self {
        Self { comfortable_mib: mib, whole_mib: mib }
    }

    /// Returns the budget of a device with so much memory.
    #[must_use]
    pub fn of_device(whole_mib: u64) -> Self {
        Self { comfortable_mib: whole_mib * COMFORTABLE_PERCENT / 100, whole_mib }
    }

    /// Finds out the budget of a device, by the name that its engine gives it.
    pub async fn find(device: &str) -> Self {
        let own_mib = match device.strip_prefix("cuda") {
            Some(number) => memory_of_card(number.trim_start_matches(':')).await,
            None => None,
        };
        let budget = Self::of_device(own_mib.or_else(memory_of_machine).unwrap_or(UNKNOWN_MIB));
        info!(
            "the models on {device} may hold {} of {} MiB; ATELIER_MEMORY_MIB sets another budget",
            budget.comfortable_mib, budget.whole_mib
        );
        budget
    }
}

/// Returns the memory of the machine, or of the container that this runs in if that has less.
fn memory_of_machine() -> Option<u64> {
    let machine_mib = fs::read_to_string("/proc/meminfo").ok().and_then(|text| meminfo_mib(&text));
    let container_mib = fs::read_to_string(LIMIT_OF_CONTAINER).ok().and_then(|text| container_mib(&text));
    match (machine_mib, container_mib) {
        (Some(machine_mib), Some(container_mib)) => Some(machine_mib.min(container_mib)),
        (machine_mib, container_mib) => machine_mib.or(container_mib),
    }
}

/// Asks the driver of an NVIDIA card.
async fn memory_of_card(number: &str) -> Option<u64> {
    let mut asking = Command::new("nvidia-smi");
    asking.args(["--query-gpu=memory.total", "--format=csv,noheader,nounits", "-i", number]).kill_on_drop(true);
    match timeout(DRIVER_LIMIT, asking.output()).await {
        Ok(Ok(output)) if output.status.success() => String::from_utf8(output.stdout).ok()?.trim().parse().ok(),
        _ => {
            debug!("nvidia-smi does not say how much memory card {number} has");
            None
        }
    }
}

fn meminfo_mib(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}

/// Returns the limit of a container; none where it says `max`.
fn container_mib(text: &str) -> Option<u64> {
    let bytes: u64 = text.trim().parse().ok()?;
    Some(bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_kernel_are_understood() {
        assert_eq!(meminfo_mib("MemTotal:       24578000 kB\nMemFree:  1 kB\n"), Some(24_001));
        assert_eq!(meminfo_mib("nothing"), None);
        assert_eq!(container_mib("1073741824\n"), Some(1024));
        assert_eq!(container_mib("max\n"), None);
    }
}
