//! Measures what a child holds while it works: of the machine's memory the kernel counts it, of a card's the driver.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{process::Command, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use super::peak;

/// The driver is asked this often.
const PAUSE: Duration = Duration::from_secs(1);
/// A driver that does not answer within this time is not asked again.
const LIMIT: Duration = Duration::from_secs(10);

/// Measures one run of a child.
#[derive(Debug)]
pub(super) enum Meter {
    /// The kernel remembers the peak.
    Machine { process_id: u32 },
    /// The driver knows only what is now, so it is asked again and again.
    Card { seen: Arc<Seen>, _asking: AbortOnDropHandle<()> },
}

/// What was measured, as far as that was possible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reading {
    /// What is held now.
    pub(super) held_mib: Option<u64>,
    /// What was held at most.
    pub(super) peak_mib: Option<u64>,
}

/// What the driver said; 0 for nothing.
#[derive(Debug, Default)]
pub(super) struct Seen {
    latest_mib: AtomicU64,
    peak_mib: AtomicU64,
}

impl Meter {
    /// Begins to measure a child on a device; none where nobody can.
    pub(super) fn begin(process_id: u32, device: &str) -> Option<Self> {
        if device == "cpu" {
            peak::forget(process_id);
            return Some(Self::Machine { process_id });
        }
        if !device.starts_with("cuda") {
            return None;
        }
        let seen = Arc::new(Seen::default());
        let asking = tokio::spawn(ask(process_id, Arc::clone(&seen)));
        Some(Self::Card { seen, _asking: AbortOnDropHandle::new(asking) })
    }

    /// Returns what was measured.
    pub(super) fn read(&self) -> Reading {
        match self {
            Self::Machine { process_id } => {
                Reading { held_mib: peak::held_mib(*process_id), peak_mib: peak::peak_mib(*process_id) }
            }
            Self::Card { seen, .. } => {
                let known = |mib: &AtomicU64| Some(mib.load(Ordering::Relaxed)).filter(|mib| *mib > 0);
                Reading { held_mib: known(&seen.latest_mib), peak_mib: known(&seen.peak_mib) }
            }
        }
    }
}

/// Asks the driver until it has no answer. In a container it may name processes by other numbers; then nothing is measured.
async fn ask(process_id: u32, seen: Arc<Seen>) {
    loop {
        let mut command = Command::new("nvidia-smi");
        command.args(["--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]).kill_on_drop(true);
        let Ok(Ok(output)) = timeout(LIMIT, command.output()).await else { return };
        if let Some(mib) = used_mib(&String::from_utf8_lossy(&output.stdout), process_id) {
            seen.latest_mib.store(mib, Ordering::Relaxed);
            seen.peak_mib.fetch_max(mib, Ordering::Relaxed);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Returns what a process holds on all cards, by the lines of the driver.
fn used_mib(text: &str, process_id: u32) -> Option<u64> {
    let lines = text.lines().filter_map(|line| line.split_once(','));
    let of_the_process = lines.filter(|(number, _)| number.trim().parse() == Ok(process_id));
    of_the_process.filter_map(|(_, mib)| mib.trim().parse::<u64>().ok()).reduce(|sum, mib| sum + mib)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_holds_on_several_cards_is_added_up() {
        let said = "4711, 512\n12, 7\n4711, 100\n4712, [N/A]\n";
        assert_eq!(used_mib(said, 4711), Some(612));
        assert_eq!(used_mib(said, 4712), None);
        assert_eq!(used_mib("", 1), None);
    }

    #[test]
    fn the_memory_of_the_machine_is_measured_from_the_beginning_of_a_run() {
        let meter = Meter::begin(std::process::id(), "cpu").expect("the kernel counts");
        let Reading { held_mib, peak_mib } = meter.read();
        assert!(peak_mib >= held_mib && held_mib > Some(0));
        assert!(Meter::begin(1, "vulkan0").is_none());
    }
}
