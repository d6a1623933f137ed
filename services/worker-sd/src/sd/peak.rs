//! What a child holds, and held at most, as the kernel counts it.

use std::fs;

/// Returns what a process holds in the memory of the machine.
pub(super) fn held_mib(process_id: u32) -> Option<u64> {
    read(process_id, "VmRSS:")
}

/// Returns what a process held at most since its start, or since [`forget`].
pub(super) fn peak_mib(process_id: u32) -> Option<u64> {
    read(process_id, "VmHWM:")
}

/// Begins the count of the peak anew. Where that is not allowed, the peak is that of all its runs, which is never too little.
pub(super) fn forget(process_id: u32) {
    const PEAK: &str = "5";
    let _ = fs::write(format!("/proc/{process_id}/clear_refs"), PEAK);
}

fn read(process_id: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process_id}/status")).ok()?;
    let kib: u64 = status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()?;
    Some(kib.div_ceil(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_at_least_what_is_held() {
        let own = std::process::id();
        forget(own);
        // In this order: what is held changes all the time, and the peak only rises. The kernel counts in batches.
        let held = held_mib(own).unwrap();
        assert!(held > 0 && peak_mib(own).unwrap() + 1 >= held);
    }
}
