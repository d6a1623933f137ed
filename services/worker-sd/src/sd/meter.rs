//! Measures what a child holds while it works: of the machine's memory the kernel counts it, of a card's the driver.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::task::AbortOnDropHandle;

use super::peak;

/// The driver is asked this often.
const PAUSE: Duration = Duration::from_secs(1);

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

/// Asks the driver again and again; not at all where there is none.
async fn ask(process_id: u32, seen: Arc<Seen>) {
    loop {
        // It may take its time.
        let asking = spawn_blocking(move || worker::card::driver().map(|driver| driver.held_mib(process_id)));
        let Ok(Some(held_mib)) = asking.await else { return };
        if let Some(mib) = held_mib {
            seen.latest_mib.store(mib, Ordering::Relaxed);
            seen.peak_mib.fetch_max(mib, Ordering::Relaxed);
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_the_machine_is_measured_from_the_beginning_of_a_run() {
        let meter = Meter::begin(std::process::id(), "cpu").expect("the kernel counts");
        let Reading { held_mib, peak_mib } = meter.read();
        assert!(peak_mib >= held_mib && held_mib > Some(0));
        assert!(Meter::begin(1, "vulkan0").is_none());
    }
}
