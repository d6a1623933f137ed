//! Measures what a llama-server holds: of the machine's memory the kernel counts it, of a card's the driver.

use std::fs;

use tokio::task::spawn_blocking;

/// Returns how many MiB of its device a process holds, where that can be told.
pub(crate) async fn held_mib(process_id: u32, device: &str) -> Option<u64> {
    if device.starts_with("cuda") {
        return of_card(process_id).await;
    }
    if device == "cpu" { of_machine_mib(process_id) } else { None }
}

/// Returns how many MiB of the machine's memory a process holds.
pub(crate) fn of_machine_mib(process_id: u32) -> Option<u64> {
    of_machine(&fs::read_to_string(format!("/proc/{process_id}/status")).ok()?)
}

/// Returns what is in memory, by the words of the kernel.
fn of_machine(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}

/// Asks the driver once.
async fn of_card(process_id: u32) -> Option<u64> {
    // It may take its time.
    spawn_blocking(move || worker::card::driver()?.held_mib(process_id)).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_memory_of_a_process_of_this_machine_is_known() {
        assert!(held_mib(std::process::id(), "cpu").await > Some(0));
        assert_eq!(of_machine("VmRSS:\t  2048 kB\n"), Some(2));
        assert_eq!(held_mib(1, "vulkan:0").await, None);
    }
}
