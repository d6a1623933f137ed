//! The budget: how much memory the models of a device may hold together, by what the machine, its container or the driver
//! says.
//!
//! Who may have how much of it, and who must leave, is decided by the ledger of the device (`queue::memory`), which all
//! workers of the device share.

use tracing::{info, warn};

use crate::{card, measured};

/// Without measurements, what is held together should stay below this share of what there is.
const COMFORTABLE_PERCENT: u64 = 75;
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
        let looked_at = device.to_owned();
        let looking = tokio::task::spawn_blocking(move || {
            let is_card = card::number(&looked_at).is_some();
            let own = measured::measure(&looked_at);
            if is_card && own.is_none() {
                warn!(
                    "the driver does not say how much memory {looked_at} has, so that of the machine counts: install \
                     libnvidia-ml.so.1, which belongs to the driver, or set ATELIER_MEMORY_MIB"
                );
            }
            own.or_else(measured::machine)
        });
        let whole_mib = looking.await.ok().flatten().map_or(UNKNOWN_MIB, |found| found.total_mib);
        let budget = Self::of_device(whole_mib);
        info!(
            "the models on {device} may hold {} of {} MiB; ATELIER_MEMORY_MIB sets another budget",
            budget.comfortable_mib, budget.whole_mib
        );
        budget
    }
}
