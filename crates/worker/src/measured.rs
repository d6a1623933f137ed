//! Measures how much memory of a device is used, by whomever, and tells its ledger.

use std::{fs, time::Duration};

use contract::memory::MeasuredMemory;
use queue::memory::Ledger;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use crate::card;

/// How often it is measured: as often as the ledger is told.
const INTERVAL: Duration = Duration::from_secs(1);
/// Where a container of cgroup v2 finds the limit that holds for it, what it uses, and of what kinds that is.
const LIMIT_OF_CONTAINER: &str = "/sys/fs/cgroup/memory.max";
const USED_BY_CONTAINER: &str = "/sys/fs/cgroup/memory.current";
const KINDS_OF_CONTAINER: &str = "/sys/fs/cgroup/memory.stat";

/// Measures a device again and again for its ledger, for as long as this lives. `device` is the name that its engine gives it,
/// or the number of the device as the machine counts: `cpu`, `cuda0`, `cuda:1`. Must be called within a runtime.
pub fn keep_measuring(ledger: &Ledger, device: &str) -> AbortOnDropHandle<()> {
    let (teller, device) = (ledger.teller(), device.to_owned());
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let device = device.clone();
            // A driver may take its time.
            let Ok(measured) = tokio::task::spawn_blocking(move || measure(&device)).await else { return };
            teller.tell(measured);
        }
    }))
}

/// Returns how much memory of a device is used now; none where nobody can say. The first call of all loads the driver.
#[must_use]
pub fn measure(device: &str) -> Option<MeasuredMemory> {
    if device.eq_ignore_ascii_case("cpu") {
        return machine();
    }
    card::driver()?.card(card::number(device)?)
}

/// Returns the memory of the machine, or of the container that this runs in if that has less.
pub(crate) fn machine() -> Option<MeasuredMemory> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let whole = read("/proc/meminfo").and_then(|text| of_machine(&text));
    let container = || of_container(&read(LIMIT_OF_CONTAINER)?, &read(USED_BY_CONTAINER)?, &read(KINDS_OF_CONTAINER)?);
    match (whole, container()) {
        (Some(whole), Some(container)) if container.total_mib >= whole.total_mib => Some(whole),
        (whole, container) => container.or(whole),
    }
}

fn of_machine(meminfo: &str) -> Option<MeasuredMemory> {
    let mib = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
    };
    let (total_mib, available_mib) = (mib("MemTotal:")?, mib("MemAvailable:")?);
    Some(MeasuredMemory {
        name: "main memory".to_owned(),
        total_mib,
        used_mib: total_mib.saturating_sub(available_mib),
    })
}

/// Returns what a container has and uses; none where it has no limit of its own.
fn of_container(limit: &str, used: &str, kinds: &str) -> Option<MeasuredMemory> {
    let bytes = |text: &str| text.trim().parse::<u64>().ok();
    // The kernel gives these up as soon as somebody needs them.
    let files = kinds.lines().find_map(|line| line.strip_prefix("inactive_file ")).and_then(bytes).unwrap_or(0);
    Some(MeasuredMemory {
        name: "main memory of the container".to_owned(),
        total_mib: bytes(limit)? >> 20,
        used_mib: bytes(used)?.saturating_sub(files) >> 20,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_kernel_are_understood() {
        let found = of_machine("MemTotal:  24578000 kB\nMemFree:  1 kB\nMemAvailable: 4096 kB\n").unwrap();
        assert_eq!((found.total_mib, found.used_mib), (24_001, 23_997));
        assert_eq!(of_machine("nothing"), None);
        let found = of_container("1073741824\n", "104857600\n", "anon 1\ninactive_file 52428800\n").unwrap();
        assert_eq!((found.total_mib, found.used_mib), (1024, 50));
        assert_eq!(of_container("max\n", "104857600\n", ""), None);
    }

    #[test]
    fn the_memory_of_this_machine_can_be_measured_and_that_of_an_unknown_device_cannot() {
        let found = measure("cpu").unwrap();
        assert!(found.used_mib > 0 && found.used_mib < found.total_mib, "{found:?}");
        assert_eq!(measure("vulkan:0"), None);
    }
}
