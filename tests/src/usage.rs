//! What a process uses, as Linux counts it.

use std::fs;

use anyhow::Context;

/// Linux counts processor time in hundredths of a second, whatever the kernel's own clock.
const TICKS_PER_SECOND: f64 = 100.0;

/// Returns the seconds of processor time that a process has used by itself. Works for one that has ended and was not
/// waited for yet.
pub fn cpu_seconds(pid: u32) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("there is no process {pid}"))?;
    let (_, fields) = stat.rsplit_once(") ").context("reading what a process has used")?;
    // Behind the name: state is field 3 of proc(5), utime is 14, stime is 15.
    let mut ticks = fields.split(' ').skip(11).map(str::parse::<f64>);
    let (user, system) = (ticks.next().context("no utime")??, ticks.next().context("no stime")??);
    Ok((user + system) / TICKS_PER_SECOND)
}

/// Returns the memory that a process has resident, in MiB.
pub fn memory_mib(pid: u32) -> anyhow::Result<f64> {
    let status =
        fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("there is no process {pid}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("a process without memory")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().context("reading the memory of a process")?;
    Ok(kib / 1024.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_time_and_memory() {
        let pid = std::process::id();
        assert!(memory_mib(pid).unwrap() > 1.0);
        let before = cpu_seconds(pid).unwrap();
        let mut sum = 0_u64;
        while cpu_seconds(pid).unwrap() - before < 0.02 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu_seconds(u32::MAX).is_err());
    }
}
